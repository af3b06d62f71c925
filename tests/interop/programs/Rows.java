import com.mongodb.DBRef;
import com.mongodb.client.MongoClients;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Arrays;
import java.util.Date;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.bson.BinaryVector;
import org.bson.BsonDbPointer;
import org.bson.BsonRegularExpression;
import org.bson.BsonTimestamp;
import org.bson.BsonUndefined;
import org.bson.Document;
import org.bson.types.Binary;
import org.bson.types.Code;
import org.bson.types.CodeWithScope;
import org.bson.types.Decimal128;
import org.bson.types.MaxKey;
import org.bson.types.MinKey;
import org.bson.types.ObjectId;
import org.bson.types.Symbol;

/**
 * Java's driver writes one row for each value that it has. MONGO_URI, EVENT_TYPE, COLUMN; prints, as
 * JSON, the names and messages of those that it refused to write.
 */
class Rows {
    enum Colour { RED }

    static final byte[] BYTES = {0, 1, (byte) 254, (byte) 255};
    static final byte[] UUID_BYTES = HexFormat.of().parseHex("00112233445566778899aabbccddeeff");
    static final ObjectId ID = new ObjectId("65937a2b0000000000000001");

    static Map<String, Object> values() {
        var values = new LinkedHashMap<String, Object>();
        values.put("null", null);
        values.put("boolean", true);
        values.put("text", "Grüße 🎉");
        values.put("empty text", "");
        values.put("text with a null character", "a\0b");
        values.put("int32", 42);
        values.put("int64", 1L << 62);
        values.put("small int64", 42L);
        values.put("whole number past 31 bits", 4_200_000_000L);
        values.put("double", 0.1);
        values.put("whole double", 3.0);
        values.put("negative zero", -0.0);
        values.put("NaN", Double.NaN);
        values.put("infinity", Double.POSITIVE_INFINITY);
        values.put("date", Date.from(Instant.parse("2026-01-02T03:04:05.678Z")));
        values.put("date before 1970", Date.from(Instant.parse("1815-12-10T00:00:00Z")));
        values.put("date of the year 10000", new Date(253_402_300_800_000L));
        values.put("ObjectId", ID);
        values.put("UUID (binary 4)", new Binary((byte) 4, UUID_BYTES));
        values.put("legacy UUID (binary 3)", new Binary((byte) 3, UUID_BYTES));
        values.put("binary", new Binary(BYTES));
        values.put("binary of one's own (128)", new Binary((byte) 128, BYTES));
        values.put("vector (binary 9)", BinaryVector.int8Vector(new byte[] {1, -1}));
        values.put("decimal", Decimal128.parse("12.50"));
        values.put("largest decimal", Decimal128.parse("9E+6144"));
        values.put("decimal that is NaN", Decimal128.NaN);
        values.put("list", Arrays.asList(1, "a", null));
        values.put("document", new Document("a", new Document("b", 1)));
        values.put("name with a dot", new Document("a.b", 1));
        values.put("name with a dollar", new Document("$a", 1));
        values.put("empty name", new Document("", 1));
        values.put("reference (DBRef)", new DBRef("orders", 7));
        values.put("regular expression", new BsonRegularExpression("^a", "i"));
        values.put("timestamp", new BsonTimestamp(1_767_323_045, 7));
        values.put("code", new Code("f()"));
        values.put("code with scope", new CodeWithScope("f()", new Document("a", 1)));
        values.put("MinKey", new MinKey());
        values.put("MaxKey", new MaxKey());
        values.put("symbol (deprecated)", new Symbol("a"));
        values.put("undefined (deprecated)", new BsonUndefined());
        values.put("pointer (deprecated)", new BsonDbPointer("orders", ID));
        // Of Java alone.
        values.put("a float", 0.1f);
        values.put("a short", (short) 42);
        values.put("a BigDecimal", new BigDecimal("12.50"));
        values.put("a BigInteger", BigInteger.valueOf(42));
        values.put("a Character", 'a');
        values.put("an enumeration", Colour.RED);
        values.put("a Set", Set.of(1));
        values.put("a Map", Map.of("a", 1));
        values.put("a byte[]", BYTES);
        values.put("a UUID, by default", UUID.fromString("00112233-4455-6677-8899-aabbccddeeff"));
        values.put("an Instant with nanoseconds", Instant.parse("2026-01-02T03:04:05.678901234Z"));
        values.put("a LocalDate", LocalDate.of(2026, 1, 2));
        values.put("a ZonedDateTime", ZonedDateTime.of(2026, 1, 2, 3, 4, 5, 0, ZoneOffset.UTC));
        values.put("an Optional", Optional.of("a"));
        values.put("a lone surrogate", "\ud800");
        return values;
    }

    public static void main(String[] arguments) {
        var uri = System.getenv("MONGO_URI");
        var database = uri.substring(uri.lastIndexOf('/') + 1).split("\\?")[0];
        var refused = new Document();
        try (var client = MongoClients.create(uri)) {
            var outbox = client.getDatabase(database).getCollection("outbox");
            values().forEach((name, value) -> {
                var row = new Document("type", System.getenv("EVENT_TYPE"))
                    .append("subject", System.getenv("COLUMN") + "/" + name)
                    .append("data", new Document("value", value));
                try {
                    outbox.insertOne(row);
                } catch (RuntimeException error) {
                    refused.append(name, error.getClass().getSimpleName() + ": " + error.getMessage());
                }
            });
        }
        System.out.println(refused.toJson());
    }
}
