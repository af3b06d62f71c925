import io.debezium.embedded.Connect;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.RecordChangeEvent;
import io.debezium.engine.format.ChangeEventFormat;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceRecord;
import org.bson.Document;

/**
 * Debezium's connector reads the collection `outbox` of MONGO_URI, its outbox event router makes
 * messages of COUNT rows, and these are printed as JSON. HEADERS are the fields that become headers.
 */
class Router {
    static final int LIMIT_S = 200;
    static final JsonConverter JSON = new JsonConverter();

    static Properties configuration(String uri, String headers) {
        var database = uri.substring(uri.lastIndexOf('/') + 1).split("\\?")[0];
        var router = "io.debezium.connector.mongodb.transforms.outbox.MongoEventRouter";
        var made = new Properties();
        made.put("name", "interop");
        made.put("connector.class", "io.debezium.connector.mongodb.MongoDbConnector");
        made.put("offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
        made.put("mongodb.connection.string", uri);
        made.put("topic.prefix", "interop");
        made.put("collection.include.list", database + ".outbox");
        made.put("transforms", "outbox");
        made.put("transforms.outbox.type", router);
        made.put("transforms.outbox.collection.fields.additional.placement", headers);
        return made;
    }

    /** Bytes as Kafka's JSON has them. */
    static Object plain(Object value) {
        return value instanceof byte[] bytes ? Base64.getEncoder().encodeToString(bytes) : value;
    }

    /** The message as a sink writes it with Kafka's JSON, without schemas. */
    static Document read(SourceRecord message) {
        var headers = new Document();
        message.headers().forEach(one -> headers.put(one.key(), plain(one.value())));
        var value = JSON.fromConnectData(message.topic(), message.valueSchema(), message.value());
        return new Document("topic", message.topic())
            .append("key", message.key())
            .append("headers", headers)
            .append("value", value == null ? null : new String(value));
    }

    public static void main(String[] arguments) throws Exception {
        JSON.configure(Map.of("schemas.enable", "false"), false);
        var found = new ArrayList<Document>();
        var all = new CountDownLatch(Integer.parseInt(System.getenv("COUNT")));
        var engine = DebeziumEngine.create(ChangeEventFormat.of(Connect.class))
            .using(configuration(System.getenv("MONGO_URI"), System.getenv("HEADERS")))
            .notifying((RecordChangeEvent<SourceRecord> event) -> {
                found.add(read(event.record()));
                all.countDown();
            })
            .using((isDone, message, error) -> {
                if (error != null) error.printStackTrace();
            })
            .build();
        Executors.newSingleThreadExecutor().execute(engine);
        var isAll = all.await(LIMIT_S, TimeUnit.SECONDS);
        System.out.println(new Document("messages", found).toJson());
        System.exit(isAll ? 0 : 1);  // the engine has nothing to keep
    }
}
