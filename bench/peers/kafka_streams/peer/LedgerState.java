package peer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;

/** The plan of a profile that is being built: the ledger's row. */
final class LedgerState {
  private static final int SPAN_BYTES = 4;
  private static final int DAYS_BITS = 5;
  long published = -1;
  int publishedFrom;
  int publishedTo;
  long building = -1;
  int sections;
  int unfinished = -1;
  String mode = "";
  Integer crews;
  String material = "";
  int built;
  private byte[] spans = new byte[0];

  /** A plan whose sections are built on these days. */
  interface Span {
    void accept(int firstDay, int days);
  }

  /** Forgets the plan that was being built, for one of another version. */
  void begin(long version) {
    building = version;
    sections = 0;
    unfinished = -1;
    mode = "";
    crews = null;
    material = "";
    built = 0;
    spans = new byte[0];
  }

  /** Marks a section as built, once. */
  void mark(int section, int firstDay, int days) {
    int at = (section - 1) * SPAN_BYTES;
    if (spans.length < at + SPAN_BYTES) {
      spans = Arrays.copyOf(spans, at + SPAN_BYTES);
    }
    ByteBuffer buffer = ByteBuffer.wrap(spans);
    if (buffer.getInt(at) == 0) {
      buffer.putInt(at, firstDay << DAYS_BITS | days);
      built++;
    }
  }

  /** Visits the days of each section that is built. */
  void each(Span visit) {
    ByteBuffer buffer = ByteBuffer.wrap(spans);
    while (buffer.hasRemaining()) {
      int span = buffer.getInt();
      if (span != 0) {
        visit.accept(span >>> DAYS_BITS, span & (1 << DAYS_BITS) - 1);
      }
    }
  }

  static LedgerState read(BinaryDecoder in) throws IOException {
    var state = new LedgerState();
    state.published = in.readLong();
    state.publishedFrom = in.readInt();
    state.publishedTo = in.readInt();
    state.building = in.readLong();
    state.sections = in.readInt();
    state.unfinished = in.readInt();
    state.mode = in.readString();
    state.crews = Wire.readOptional(in);
    state.material = in.readString();
    state.built = in.readInt();
    state.spans = Wire.readBytes(in);
    return state;
  }

  void write(BinaryEncoder fields) throws IOException {
    fields.writeLong(published);
    fields.writeInt(publishedFrom);
    fields.writeInt(publishedTo);
    fields.writeLong(building);
    fields.writeInt(sections);
    fields.writeInt(unfinished);
    fields.writeString(mode);
    Wire.writeOptional(fields, crews);
    fields.writeString(material);
    fields.writeInt(built);
    fields.writeBytes(spans);
  }
}
