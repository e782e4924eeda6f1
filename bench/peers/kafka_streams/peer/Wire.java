package peer;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/**
 * Avro in the registry's wire format: magic byte, 4-byte schema id, body.
 *
 * <p>Fields are written and read one by one with Avro's own encoder, as classes generated with
 * custom coders do: nothing is looked up in a schema while records pass.
 */
final class Wire {
  private static final int HEADER_BYTES = 5;
  private static final Pattern ID = Pattern.compile("\"id\"\\s*:\\s*(\\d+)");

  private static final Map<String, List<String>> TOPIC_RECORDS = Map.of(
      "walls", List.of("WallConfigured"),
      "profiles", List.of("ProfileSubmitted"),
      "accepted", List.of("ProfileAccepted", "SettingsAccepted"),
      "build-commands", List.of("BuildSection", "RelieveCrew"),
      "progress", List.of("ProfilePlanned", "SectionsBuilt"),
      "simulation.events",
      List.of("SectionCompleted", "CrewRelieved", "PlanReplaced", "ProfileCompleted"),
      "daily", List.of("DailyUsage"),
      "totals", List.of("ProfileTotals"),
      "overview", List.of("WallOverview", "ProfileOverview"));

  private static final Map<String, String> STATE_RECORDS = Map.of(
      "planner", "WallState",
      "crews", "CrewRow",
      "ledger", "LedgerState",
      "overview", "TotalsState");

  private final Map<String, Integer> ids = new HashMap<>();

  /** Registers the schemas of all topics under a prefix. */
  Wire(String registry, String prefix, Path root) throws IOException {
    for (var topic : TOPIC_RECORDS.entrySet()) {
      for (String name : topic.getValue()) {
        String end = topic.getValue().size() == 1 ? "value" : "thewall." + name;
        add(registry, root, name, prefix + "." + topic.getKey() + "-" + end);
      }
    }
    for (var state : STATE_RECORDS.entrySet()) {
      String subject = prefix + "-peer-" + state.getKey() + "-changelog-value";
      add(registry, root, state.getValue(), subject);
    }
  }

  private void add(String registry, Path root, String name, String subject) throws IOException {
    Path own = root.resolve("bench/peers/schemas").resolve(name + ".avsc");
    Path file = Files.exists(own) ? own : root.resolve("schemas").resolve(name + ".avsc");
    String text = Files.readString(file).replace("\\", "\\\\").replace("\"", "\\\"");
    String body = "{\"schemaType\":\"AVRO\",\"schema\":\"" + text.replace("\n", " ") + "\"}";
    URI uri = URI.create(registry + "/subjects/" + subject + "/versions");
    var connection = (HttpURLConnection) uri.toURL().openConnection();
    connection.setRequestMethod("POST");
    connection.setRequestProperty("Content-Type", "application/vnd.schemaregistry.v1+json");
    connection.setDoOutput(true);
    connection.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
    String answer = new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    Matcher found = ID.matcher(answer);
    if (!found.find()) {
      throw new IOException("the registry gave no id for " + subject + ": " + answer);
    }
    ids.put(name, Integer.valueOf(found.group(1)));
  }

  /** The id of a record's schema. */
  int id(String record) {
    return ids.get(record);
  }

  /** The schema id of a value. */
  static int idOf(byte[] value) {
    return (value[1] & 0xff) << 24 | (value[2] & 0xff) << 16 | (value[3] & 0xff) << 8
        | value[4] & 0xff;
  }

  /** A decoder of a value's body. */
  static BinaryDecoder body(byte[] value, BinaryDecoder reused) {
    return DecoderFactory.get()
        .binaryDecoder(value, HEADER_BYTES, value.length - HEADER_BYTES, reused);
  }

  /** Writes one record after another; one for each processor, as it is not for several threads. */
  static final class Out {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(2048);
    private final BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);

    interface Fields {
      void write(BinaryEncoder encoder) throws IOException;
    }

    /** A record in wire format. */
    byte[] record(int id, Fields fields) {
      try {
        bytes.reset();
        bytes.write(0);
        bytes.write(id >>> 24);
        bytes.write(id >>> 16);
        bytes.write(id >>> 8);
        bytes.write(id);
        fields.write(encoder);
        encoder.flush();
        return bytes.toByteArray();
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  }

  /** Writes a union of null and int. */
  static void writeOptional(BinaryEncoder encoder, Integer value) throws IOException {
    encoder.writeIndex(value == null ? 0 : 1);
    if (value != null) {
      encoder.writeInt(value);
    }
  }

  /** Reads a union of null and int. */
  static Integer readOptional(BinaryDecoder decoder) throws IOException {
    return decoder.readIndex() == 0 ? null : decoder.readInt();
  }

  /** Writes an array of ints. */
  static void writeInts(BinaryEncoder encoder, List<Integer> values) throws IOException {
    encoder.writeArrayStart();
    encoder.setItemCount(values.size());
    for (int value : values) {
      encoder.startItem();
      encoder.writeInt(value);
    }
    encoder.writeArrayEnd();
  }

  /** Reads an array of ints. */
  static int[] readInts(BinaryDecoder decoder) throws IOException {
    int[] values = new int[0];
    for (long count = decoder.readArrayStart(); count != 0; count = decoder.arrayNext()) {
      int at = values.length;
      values = java.util.Arrays.copyOf(values, at + (int) count);
      while (at < values.length) {
        values[at++] = decoder.readInt();
      }
    }
    return values;
  }

  /** Reads bytes. */
  static byte[] readBytes(BinaryDecoder decoder) throws IOException {
    var buffer = decoder.readBytes(null);
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }
}
