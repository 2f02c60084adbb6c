import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A request for a doctor's visit, sent and followed to its answer with nothing but Kafka's own client.
 *
 * <pre>java -cp 'jars/*' FirstRequest.java 127.0.0.1:9092 request.json [SENDER KEY.pem]</pre>
 *
 * The file holds the data of one request.submitted, or the line that {@code homecall example request} prints. Prints each
 * status; ends with 0 at the answer, with 1 when none came within ten minutes or Kafka does not answer, and with 2 when
 * it was called wrongly. With the sender's name and private key the record is signed, for operators who ask who sent it.
 */
public class FirstRequest {

    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final Duration CONNECTING = Duration.ofSeconds(10);
    private static final String USAGE = """
        usage: java -cp 'jars/*' FirstRequest.java BOOTSTRAP FILE [SENDER KEY], as in 127.0.0.1:9092 request.json
        FILE: the data of one request.submitted; "homecall example request > request.json" makes one
        SENDER KEY: your name in the operator's list, and the file with your private key, where the operator asks""";

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 2 && arguments.length != 4) {
            end(2, USAGE);
        }
        String bootstrap = arguments[0];
        String data = "";
        try {
            data = data(Files.readString(Path.of(arguments[1]), StandardCharsets.UTF_8));
        } catch (IOException error) {
            end(2, arguments[1] + ": cannot be read\n" + USAGE);
        }
        String sender = null;
        PrivateKey key = null;
        if (arguments.length == 4) {
            sender = arguments[2];
            try {
                key = key(Path.of(arguments[3]));
            } catch (IOException | GeneralSecurityException | IllegalArgumentException error) {
                end(2, arguments[3] + ": is no private key that can be read\n" + USAGE);
            }
        }
        try {
            System.exit(send(bootstrap, data, sender, key) ? 0 : 1);
        } catch (IllegalArgumentException error) {
            end(2, error.getMessage() + "\n" + USAGE);
        } catch (KafkaException error) {
            silent(bootstrap, error);
        }
    }

    private static void end(int code, String said) {
        System.err.println(said);
        System.exit(code);
    }

    /** One line, at once: closing a client that has no broker takes half a minute. */
    private static void silent(String bootstrap, Exception error) {
        end(1, "Kafka at " + bootstrap + " did not answer: " + error.getMessage() + " Check the address. The embedded "
            + "broker of homecall up does not work with Java's client: start a Kafka, as with "
            + "docker compose -f deploy/compose.yaml up");
    }

    private static boolean send(String bootstrap, String data, String sender, PrivateKey key)
            throws InterruptedException, GeneralSecurityException {
        String requestId = text(data, "request_id");

        Map<String, Object> sending = Map.of(
            ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
            ProducerConfig.ACKS_CONFIG, "all",
            ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true,
            // Who waits at the desk is to learn soon that there is no Kafka: the default is a minute.
            ProducerConfig.MAX_BLOCK_MS_CONFIG, (int) CONNECTING.toMillis());
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
            if (key != null) {
                sign(record, sender, key);
            }
            try {
                producer.send(record).get(CONNECTING.toSeconds(), TimeUnit.SECONDS);
            } catch (ExecutionException | TimeoutException error) {
                silent(bootstrap, error);
            }
            System.err.println("sent " + requestId + "; waiting for its answer");
        }

        Map<String, Object> listening = Map.of(
            ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
            ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false,
            ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        try (var consumer = new KafkaConsumer<>(listening, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> places = consumer.partitionsFor("homecall.status.v1", CONNECTING).stream()
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
                        return true;
                    }
                }
            }
        }
        System.err.println("no answer within " + PATIENCE.toMinutes() + " minutes");
        return false;
    }

    private static void header(ProducerRecord<String, String> record, String name, String value) {
        record.headers().add(name, value.getBytes(StandardCharsets.UTF_8));
    }

    /** An Ed25519 key as homecall senders new writes it: PKCS 8 in PEM. */
    private static PrivateKey key(Path file) throws IOException, GeneralSecurityException {
        String pem = Files.readString(file, StandardCharsets.US_ASCII).replaceAll("-----[A-Z ]+-----|\\s", "");
        return KeyFactory.getInstance("Ed25519").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
    }

    /** Who sends: signed are form, sender, topic, key, the attributes in the order of their names, and the value. */
    private static void sign(ProducerRecord<String, String> record, String sender, PrivateKey key)
            throws GeneralSecurityException {
        var lines = new StringBuilder("homecall-signature: 2\nhomecall-sender: " + sender + "\ntopic: " + record.topic()
            + "\nkey: " + record.key() + "\n");
        var attributes = new TreeMap<String, String>();
        for (Header header : record.headers()) {
            attributes.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
        }
        attributes.forEach((name, value) -> lines.append(name).append(": ").append(value).append('\n'));
        Signature signature = Signature.getInstance("Ed25519");
        signature.initSign(key);
        signature.update(lines.append('\n').append(record.value()).toString().getBytes(StandardCharsets.UTF_8));
        header(record, "homecall-sender", sender);
        header(record, "homecall-signature", "2:" + Base64.getEncoder().encodeToString(signature.sign()));
    }

    /** The data of an event: the file as it is, or what stands under "data" in a line for homecall publish. */
    private static String data(String text) {
        Matcher wrapped = Pattern.compile("(?s)\\s*\\{\\s*\"type\".*?\"data\"\\s*:\\s*(\\{.*\\})\\s*\\}\\s*").matcher(text);
        return wrapped.matches() ? wrapped.group(1) : text;
    }

    /** A field of the outermost object. A real system reads JSON with a library; this one wants none. */
    private static String text(String json, String field) {
        return found(json, "\"" + field + "\"\\s*:\\s*\"([^\"]*)\"");
    }

    private static String found(String json, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(json);
        if (!matcher.find()) {
            throw new IllegalArgumentException("the file has no " + pattern.split("\"")[1] + ": is it a request.submitted?");
        }
        return matcher.group(1);
    }
}
