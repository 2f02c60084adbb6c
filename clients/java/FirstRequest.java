import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A request for a doctor's visit, sent and followed to its answer with nothing but Kafka's own client.
 *
 * <pre>java -cp 'jars/*' FirstRequest.java 127.0.0.1:9092 request.json</pre>
 *
 * The file holds the data of one request.submitted. Prints each status; ends with 0 at the answer, with 1 when none came
 * within ten minutes.
 */
public class FirstRequest {

    private static final Duration PATIENCE = Duration.ofMinutes(10);

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        String data = Files.readString(Path.of(arguments[1]), StandardCharsets.UTF_8);
        String requestId = text(data, "request_id");

        Map<String, Object> sending = Map.of(
            ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
            ProducerConfig.ACKS_CONFIG, "all",
            ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        try (var producer = new KafkaProducer<>(sending, new StringSerializer(), new StringSerializer())) {
            // The key is the clinic's id, and the partition the default one: all of a clinic's records stay in order.
            var record = new ProducerRecord<>("homecall.requests.v1", text(data, "clinic_id"), data);
            // CloudEvents in binary mode. The same source and id are the same event: sent twice, it counts once.
            String source = "/clinics/" + text(data, "clinic_id");
            UUID id = UUID.nameUUIDFromBytes((source + requestId).getBytes(StandardCharsets.UTF_8));
            header(record, "ce_specversion", "1.0");
            header(record, "ce_id", id.toString());
            header(record, "ce_source", source);
            header(record, "ce_type", "kz.homecall.request.submitted");
            header(record, "ce_time", OffsetDateTime.now().toString());
            header(record, "ce_subject", requestId);
            header(record, "content-type", "application/json");
            producer.send(record).get();
        }

        Map<String, Object> listening = Map.of(
            ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
            ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false,
            ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        try (var consumer = new KafkaConsumer<>(listening, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> places = consumer.partitionsFor("homecall.status.v1").stream()
                .map(each -> new TopicPartition(each.topic(), each.partition()))
                .toList();
            consumer.assign(places);
            consumer.seekToBeginning(places);
            int newest = 0;
            for (long end = System.nanoTime() + PATIENCE.toNanos(); System.nanoTime() < end; ) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    // The key is the request's id. Order by sequence: what is not newer is history, or a repeat.
                    int sequence = Integer.parseInt(found(record.value(), "\"sequence\"\\s*:\\s*(\\d+)"));
                    if (!requestId.equals(record.key()) || sequence <= newest) {
                        continue;
                    }
                    newest = sequence;
                    String status = text(record.value(), "status");
                    System.out.println(sequence + " " + status);
                    if (List.of("scheduled", "rescheduled", "refused").contains(status)) {
                        return;
                    }
                }
            }
        }
        System.exit(1);
    }

    private static void header(ProducerRecord<String, String> record, String name, String value) {
        record.headers().add(name, value.getBytes(StandardCharsets.UTF_8));
    }

    /** A field of the outermost object. A real system reads JSON with a library; this one wants none. */
    private static String text(String json, String field) {
        return found(json, "\"" + field + "\"\\s*:\\s*\"([^\"]*)\"");
    }

    private static String found(String json, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(json);
        if (!matcher.find()) {
            throw new IllegalArgumentException("no " + pattern + " in the JSON");
        }
        return matcher.group(1);
    }
}
