//! Statements that differ between the databases.

use tidegate_sql_kit::Dialect;

/// Inserts a row, or replaces its value.
pub(crate) fn upsert(dialect: Dialect) -> String {
    let insert = "insert into t_flink_autoscaler_state_store (update_time, job_key, state_type, state_value) \
                  values (current_timestamp, ?, ?, ?)";
    let otherwise = match dialect {
        Dialect::Sqlite | Dialect::Postgres => {
            "on conflict (job_key, state_type) do update \
             set update_time = excluded.update_time, state_value = excluded.state_value"
        }
        Dialect::MySql => {
            "on duplicate key update update_time = values(update_time), state_value = values(state_value)"
        }
    };
    dialect.placeholders(&format!("{insert} {otherwise}"))
}

/// Makes the table, as the Java autoscaler's own scripts do: but for names of jobs, which are told apart by case
/// where its ids need not be.
pub(crate) const fn create(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "create table if not exists t_flink_autoscaler_state_store (
                id integer primary key autoincrement not null,
                update_time timestamp not null default current_timestamp,
                job_key text not null,
                state_type text not null,
                state_value text not null,
                unique (job_key, state_type)
            )"
        }
        Dialect::Postgres => {
            "create table if not exists t_flink_autoscaler_state_store (
                id bigserial not null,
                update_time timestamp not null default current_timestamp,
                job_key text not null,
                state_type text not null,
                state_value text not null,
                primary key (id),
                unique (job_key, state_type)
            )"
        }
        Dialect::MySql => {
            "create table if not exists t_flink_autoscaler_state_store (
                id bigint not null auto_increment,
                update_time datetime not null comment 'The update time',
                job_key varchar(191) character set utf8mb4 collate utf8mb4_bin not null comment 'The job key',
                state_type varchar(100) not null comment 'The state type',
                state_value longtext not null comment 'The real state',
                primary key (id) using btree,
                unique key un_job_state_type_inx (job_key, state_type) using btree
            ) engine=innodb default charset=utf8mb4 collate=utf8mb4_general_ci"
        }
    }
}
