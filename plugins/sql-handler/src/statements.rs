//! Statements that differ between the databases.

use tidegate_sql_kit::Dialect;

/// Makes the table and its indexes, as the Java autoscaler's own scripts do.
pub(crate) const fn create(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &[
            "create table if not exists t_flink_autoscaler_event_handler (
                id integer primary key autoincrement not null,
                create_time timestamp not null default current_timestamp,
                update_time timestamp not null default current_timestamp,
                job_key text not null,
                reason text not null,
                event_type text not null,
                message text not null,
                event_count integer not null,
                event_key text not null
            )",
            "create index if not exists job_key_reason_event_key_idx
                on t_flink_autoscaler_event_handler (job_key, reason, event_key)",
            "create index if not exists job_key_reason_create_time_idx
                on t_flink_autoscaler_event_handler (job_key, reason, create_time)",
        ],
        Dialect::Postgres => &[
            "create table if not exists t_flink_autoscaler_event_handler (
                id bigserial not null,
                create_time timestamp not null default current_timestamp,
                update_time timestamp not null default current_timestamp,
                job_key text not null,
                reason text not null,
                event_type text not null,
                message text not null,
                event_count int not null,
                event_key text not null,
                primary key (id)
            )",
            "create index if not exists job_key_reason_event_key_idx
                on t_flink_autoscaler_event_handler (job_key, reason, event_key)",
            "create index if not exists job_key_reason_create_time_idx
                on t_flink_autoscaler_event_handler (job_key, reason, create_time)",
        ],
        Dialect::MySql => &["create table if not exists t_flink_autoscaler_event_handler (
                id bigint not null auto_increment,
                create_time datetime not null comment 'The create time',
                update_time datetime not null comment 'The update time',
                job_key varchar(191) not null comment 'The job key',
                reason varchar(191) not null comment 'The event reason',
                event_type varchar(100) not null comment 'The event type',
                message text not null comment 'The event message',
                event_count int not null comment 'How often it happened',
                event_key varchar(100) not null comment 'What makes events the same',
                primary key (id) using btree,
                index job_key_reason_event_key_idx (job_key, reason, event_key) using btree,
                index job_key_reason_create_time_idx (job_key, reason, create_time) using btree
            ) engine=innodb default charset=utf8mb4 collate=utf8mb4_general_ci"],
    }
}
