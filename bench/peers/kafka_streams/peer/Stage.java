package peer;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.avro.io.BinaryDecoder;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** One stage: records in, records to sinks out, rows in a store of its own. */
abstract class Stage implements Processor<String, byte[], String, byte[]> {
  protected final Wire wire;
  protected final Wire.Out out = new Wire.Out();
  protected KeyValueStore<String, byte[]> rows;
  private final String store;
  private ProcessorContext<String, byte[]> context;
  private BinaryDecoder reused;
  private Record<String, byte[]> current;

  /** A stage with a store of that name; none if it is null. */
  Stage(Wire wire, String store) {
    this.wire = wire;
    this.store = store;
  }

  @Override
  public void init(ProcessorContext<String, byte[]> context) {
    this.context = context;
    if (store != null) {
      rows = context.getStateStore(store);
    }
  }

  @Override
  public void process(Record<String, byte[]> record) {
    current = record;
    reused = Wire.body(record.value(), reused);
    try {
      handle(Wire.idOf(record.value()), reused);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** Handles one record, given the id of its schema and its body. */
  abstract void handle(int id, BinaryDecoder in) throws IOException;

  /** Sends a record to a sink. */
  protected void send(String sink, String key, byte[] value) {
    context.forward(new Record<>(key, value, current.timestamp()), sink);
  }

  protected int partition() {
    return context.recordMetadata().orElseThrow().partition();
  }

  protected long offset() {
    return context.recordMetadata().orElseThrow().offset();
  }
}
