package peer;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The job in Kafka Streams: five processors that meet at topics, each with a cached store. */
public final class Main {
  private final String prefix = System.getenv("BENCH_PREFIX");
  private final Topology topology = new Topology();
  private final Wire wire;

  private Main(Path root) throws java.io.IOException {
    wire = new Wire(System.getenv("BENCH_REGISTRY"), prefix, root);
  }

  public static void main(String[] arguments) throws Exception {
    Main main = new Main(Path.of(arguments[0]));
    KafkaStreams streams = new KafkaStreams(main.topology(), main.settings());
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    CountDownLatch ended = new CountDownLatch(1);
    streams.setStateListener((now, before) -> {
      if (now == KafkaStreams.State.ERROR || now == KafkaStreams.State.NOT_RUNNING) {
        ended.countDown();
      }
    });
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
    ended.await();
  }

  private Topology topology() {
    source("walls");
    source("profiles");
    topology.addProcessor("intake", () -> new Intake(wire), "walls", "profiles");
    sink("accepted-out", "accepted", "intake");

    source("accepted");
    topology.addProcessor("planner", () -> new Planner(wire), "accepted");
    topology.addStateStore(store("planner"), "planner");
    sink("planned-out", "progress", "planner");
    sink("commands-out", "build-commands", "planner");

    source("build-commands");
    topology.addProcessor("crews", () -> new Crews(wire), "build-commands");
    topology.addStateStore(store("crews"), "crews");
    sink("crew-events-out", "simulation.events", "crews");
    sink("built-out", "progress", "crews");

    source("progress");
    topology.addProcessor("ledger", () -> new Ledger(wire), "progress");
    topology.addStateStore(store("ledger"), "ledger");
    topology.addSink(
        "daily-out", prefix + ".daily", Serdes.String().serializer(),
        Serdes.ByteArray().serializer(), new ByProfile(), "ledger");
    sink("ledger-events-out", "simulation.events", "ledger");
    sink("profile-overview-out", "overview", "ledger");
    sink("totals-out", "totals", "ledger");

    source("totals");
    topology.addProcessor("overview", () -> new Overview(wire), "totals");
    topology.addStateStore(store("overview"), "overview");
    sink("overview-out", "overview", "overview");
    return topology;
  }

  private void source(String topic) {
    topology.addSource(
        topic, Serdes.String().deserializer(), Serdes.ByteArray().deserializer(),
        prefix + "." + topic);
  }

  private void sink(String name, String topic, String parent) {
    topology.addSink(
        name, prefix + "." + topic, Serdes.String().serializer(), Serdes.ByteArray().serializer(),
        parent);
  }

  private static StoreBuilder<KeyValueStore<String, byte[]>> store(String name) {
    return Stores.keyValueStoreBuilder(
            Stores.inMemoryKeyValueStore(name), Serdes.String(), Serdes.ByteArray())
        .withCachingEnabled()
        .withLoggingEnabled(Map.of());
  }

  /** A profile's rows stand together, on the partition of the profile. */
  private static final class ByProfile implements StreamPartitioner<String, byte[]> {
    @Override
    public Optional<Set<Integer>> partitions(
        String topic, String key, byte[] value, int partitions) {
      String profile = key.substring(0, key.lastIndexOf('/'));
      int hash = Utils.murmur2(profile.getBytes(StandardCharsets.UTF_8));
      return Optional.of(Set.of(Utils.toPositive(hash) % partitions));
    }
  }

  private Properties settings() {
    var settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BENCH_BROKER"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("BENCH_STATE"));
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, System.getenv("BENCH_THREADS"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
    // The cache takes many writes of a row as one; it is written out at a commit, by default each
    // 30 s, which is left as it is: no output of this job waits for it.
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L * 1024 * 1024);
    settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 20);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 * 1024);
    settings.put(
        StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 256L * 1024 * 1024);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
    settings.put(
        StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG),
        4 * 1024 * 1024);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    return settings;
  }
}
