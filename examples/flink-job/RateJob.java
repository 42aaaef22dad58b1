import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.connector.source.SplitsAssignment;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.metrics.Counter;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/**
 * A job whose load can be changed while it runs: {@code log -> (hash) work -> (rebalance) out}.
 *
 * <p>Records arrive in the log at the rate that a file states, whether or not the job reads them. What is not read
 * yet is backlog, as in Kafka, so it grows while the job is too slow or restarts, and has to be caught up with.
 */
public class RateJob {

  private static final String TOPIC = "log";
  private static final int KEYS = 10_000;

  /** A record of the log: its key and what it carries. */
  private static final TypeInformation<Tuple2<Long, byte[]>> EVENT =
      Types.TUPLE(Types.LONG, Types.PRIMITIVE_ARRAY(Types.BYTE));

  public static void main(String[] args) throws Exception {
    Map<String, String> options = options(args);
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    env.setParallelism(Integer.parseInt(options.getOrDefault("parallelism", "1")));
    env.setMaxParallelism(Integer.parseInt(options.getOrDefault("max-parallelism", "128")));
    Log log = new Log(new Rate(options.get("rate-file")), Integer.parseInt(options.getOrDefault("partitions", "8")));
    env.fromSource(log, WatermarkStrategy.noWatermarks(), TOPIC, EVENT)
        .uid(TOPIC)
        .keyBy(event -> event.f0)
        .process(new Work(Duration.ofNanos(1000L * Long.parseLong(options.getOrDefault("cost-us", "1000")))))
        .returns(Types.TUPLE(Types.LONG, Types.LONG))
        .name("work")
        .uid("work")
        .rebalance()
        .sinkTo(new DiscardingSink<>())
        .name("out")
        .uid("out");
    env.execute(options.getOrDefault("name", "rate-job"));
  }

  private static Map<String, String> options(String[] args) {
    Map<String, String> options = new HashMap<>();
    for (int i = 0; i + 1 < args.length; i += 2) {
      options.put(args[i].replaceFirst("^--", ""), args[i + 1]);
    }
    if (!options.containsKey("rate-file")) {
      throw new IllegalArgumentException("--rate-file is missing: a file of lines '<epoch milliseconds> <records/s>'");
    }
    return options;
  }

  /**
   * How many records the log has received by a moment: the integral of the rates in a file.
   *
   * <p>A line {@code <epoch milliseconds> <records/s>} holds from its time until that of the next line. The file is
   * read again twice a second, so a line appended with the present time changes the rate of a running job.
   */
  static class Rate implements Serializable {
    private static final long REREAD_MILLIS = 500;

    private final String file;
    private transient TreeMap<Long, Double> steps;
    private transient long readAt;

    Rate(String file) {
      this.file = file;
    }

    synchronized long receivedBy(long now) {
      if (steps == null || now - readAt >= REREAD_MILLIS) {
        steps = read();
        readAt = now;
      }
      double received = 0;
      for (Map.Entry<Long, Double> step : steps.headMap(now).entrySet()) {
        Long next = steps.higherKey(step.getKey());
        long until = next == null ? now : Math.min(next, now);
        received += (until - step.getKey()) / 1000.0 * step.getValue();
      }
      return (long) received;
    }

    private TreeMap<Long, Double> read() {
      TreeMap<Long, Double> read = new TreeMap<>();
      try {
        for (String line : Files.readAllLines(Path.of(file))) {
          String[] step = line.trim().split("\\s+");
          if (step.length == 2) {
            read.put(Long.parseLong(step[0]), Double.parseDouble(step[1]));
          }
        }
      } catch (IOException e) {
        throw new IllegalStateException("the rate file cannot be read", e);
      }
      return read;
    }
  }

  /** A partition of the log and the offset of the next record to read from it. */
  static class Partition implements SourceSplit {
    final int number;
    volatile long offset;

    Partition(int number, long offset) {
      this.number = number;
      this.offset = offset;
    }

    @Override
    public String splitId() {
      return TOPIC + "-" + number;
    }
  }

  /** The source: an endless log of equally filled partitions. */
  static class Log implements Source<Tuple2<Long, byte[]>, Partition, List<Partition>> {
    private final Rate rate;
    private final int partitions;

    Log(Rate rate, int partitions) {
      this.rate = rate;
      this.partitions = partitions;
    }

    long endOffset(Partition partition, long now) {
      return (rate.receivedBy(now) + partitions - 1 - partition.number) / partitions;
    }

    @Override
    public Boundedness getBoundedness() {
      return Boundedness.CONTINUOUS_UNBOUNDED;
    }

    @Override
    public SplitEnumerator<Partition, List<Partition>> createEnumerator(SplitEnumeratorContext<Partition> context) {
      List<Partition> all = new ArrayList<>();
      for (int number = 0; number < partitions; number++) {
        all.add(new Partition(number, 0));
      }
      return new Enumerator(context, all);
    }

    @Override
    public SplitEnumerator<Partition, List<Partition>> restoreEnumerator(
        SplitEnumeratorContext<Partition> context, List<Partition> unassigned) {
      return new Enumerator(context, unassigned);
    }

    @Override
    public SourceReader<Tuple2<Long, byte[]>, Partition> createReader(SourceReaderContext context) {
      return new Reader(context, this);
    }

    @Override
    public SimpleVersionedSerializer<Partition> getSplitSerializer() {
      return new PartitionSerializer();
    }

    @Override
    public SimpleVersionedSerializer<List<Partition>> getEnumeratorCheckpointSerializer() {
      return new PartitionsSerializer();
    }
  }

  /** Spreads the partitions over the readers, once. */
  static class Enumerator implements SplitEnumerator<Partition, List<Partition>> {
    private final SplitEnumeratorContext<Partition> context;
    private final List<Partition> unassigned;

    Enumerator(SplitEnumeratorContext<Partition> context, List<Partition> unassigned) {
      this.context = context;
      this.unassigned = new ArrayList<>(unassigned);
    }

    @Override
    public void addReader(int subtask) {
      List<Partition> mine = new ArrayList<>(unassigned);
      mine.removeIf(partition -> partition.number % context.currentParallelism() != subtask);
      unassigned.removeAll(mine);
      if (!mine.isEmpty()) {
        context.assignSplits(new SplitsAssignment<>(Map.of(subtask, mine)));
      }
    }

    @Override
    public void addSplitsBack(List<Partition> partitions, int subtask) {
      unassigned.addAll(partitions);
      if (context.registeredReaders().containsKey(subtask)) {
        addReader(subtask);
      }
    }

    @Override
    public List<Partition> snapshotState(long checkpoint) {
      return new ArrayList<>(unassigned);
    }

    @Override
    public void start() {}

    @Override
    public void handleSplitRequest(int subtask, String host) {}

    @Override
    public void close() {}
  }

  /** Reads its partitions in turn, and shows the metrics that Kafka's reader shows. */
  static class Reader implements SourceReader<Tuple2<Long, byte[]>, Partition> {
    private static final int RECORD_BYTES = 500;
    private static final long POLL_MILLIS = 5;

    private final SourceReaderContext context;
    private final Log log;
    private final Counter recordsIn;
    private final List<Partition> partitions = new CopyOnWriteArrayList<>();
    private int turn;

    Reader(SourceReaderContext context, Log log) {
      this.context = context;
      this.log = log;
      this.recordsIn = context.metricGroup().getIOMetricGroup().getNumRecordsInCounter();
      context.metricGroup().setPendingRecordsGauge(this::pendingRecords);
    }

    private long pendingRecords() {
      long now = System.currentTimeMillis();
      return partitions.stream().mapToLong(p -> Math.max(0, log.endOffset(p, now) - p.offset)).sum();
    }

    @Override
    public InputStatus pollNext(ReaderOutput<Tuple2<Long, byte[]>> output) {
      long now = System.currentTimeMillis();
      for (int tried = 0; tried < partitions.size(); tried++) {
        Partition partition = partitions.get(turn++ % partitions.size());
        if (partition.offset < log.endOffset(partition, now)) {
          long record = partition.offset++ * log.partitions + partition.number;
          recordsIn.inc();
          output.collect(Tuple2.of(record % KEYS, new byte[RECORD_BYTES]));
          return InputStatus.MORE_AVAILABLE;
        }
      }
      return InputStatus.NOTHING_AVAILABLE;
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
      return CompletableFuture.runAsync(
          () -> {}, CompletableFuture.delayedExecutor(POLL_MILLIS, TimeUnit.MILLISECONDS));
    }

    @Override
    public void addSplits(List<Partition> added) {
      partitions.addAll(added);
      for (Partition partition : added) {
        context
            .metricGroup()
            .addGroup("KafkaSourceReader")
            .addGroup("topic", TOPIC)
            .addGroup("partition", String.valueOf(partition.number))
            .gauge("currentOffset", () -> partition.offset);
      }
    }

    @Override
    public List<Partition> snapshotState(long checkpoint) {
      List<Partition> copy = new ArrayList<>();
      partitions.forEach(partition -> copy.add(new Partition(partition.number, partition.offset)));
      return copy;
    }

    @Override
    public void start() {}

    @Override
    public void notifyNoMoreSplits() {}

    @Override
    public void close() {}
  }

  /**
   * Counts the records of each key, at a cost of the task's time for every record.
   *
   * <p>The cost is slept, not computed: to Flink the task is busy all the same and holds its input back, but a small
   * machine can play a cluster of many cores.
   */
  static class Work extends KeyedProcessFunction<Long, Tuple2<Long, byte[]>, Tuple2<Long, Long>> {
    private static final long LEAST_SLEEP_NANOS = 2_000_000;

    private final long costNanos;
    private transient long owedNanos;
    private transient ValueState<Long> count;

    Work(Duration cost) {
      this.costNanos = cost.toNanos();
    }

    @Override
    public void processElement(Tuple2<Long, byte[]> event, Context context, Collector<Tuple2<Long, Long>> out)
        throws Exception {
      if (count == null) {
        count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
      }
      long seen = count.value() == null ? 1 : count.value() + 1;
      count.update(seen);
      owedNanos += costNanos;
      if (owedNanos >= LEAST_SLEEP_NANOS) {
        long start = System.nanoTime();
        TimeUnit.NANOSECONDS.sleep(owedNanos);
        owedNanos -= System.nanoTime() - start;
      }
      out.collect(Tuple2.of(event.f0, seen));
    }
  }

  /** Writes a partition as its number and its offset. */
  static class PartitionSerializer implements SimpleVersionedSerializer<Partition> {
    static final int BYTES = Integer.BYTES + Long.BYTES;

    @Override
    public int getVersion() {
      return 1;
    }

    @Override
    public byte[] serialize(Partition partition) {
      return ByteBuffer.allocate(BYTES).putInt(partition.number).putLong(partition.offset).array();
    }

    @Override
    public Partition deserialize(int version, byte[] bytes) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      return new Partition(buffer.getInt(), buffer.getLong());
    }
  }

  /** Writes partitions one after another. */
  static class PartitionsSerializer implements SimpleVersionedSerializer<List<Partition>> {
    private final PartitionSerializer one = new PartitionSerializer();

    @Override
    public int getVersion() {
      return one.getVersion();
    }

    @Override
    public byte[] serialize(List<Partition> partitions) {
      ByteBuffer buffer = ByteBuffer.allocate(PartitionSerializer.BYTES * partitions.size());
      partitions.forEach(partition -> buffer.put(one.serialize(partition)));
      return buffer.array();
    }

    @Override
    public List<Partition> deserialize(int version, byte[] bytes) {
      List<Partition> partitions = new ArrayList<>();
      for (int at = 0; at < bytes.length; at += PartitionSerializer.BYTES) {
        byte[] part = Arrays.copyOfRange(bytes, at, at + PartitionSerializer.BYTES);
        partitions.add(one.deserialize(version, part));
      }
      return partitions;
    }
  }
}
