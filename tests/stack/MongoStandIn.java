import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.backend.memory.MemoryDatabase;
import de.bwaldvogel.mongo.backend.memory.index.MemoryUniqueIndex;
import de.bwaldvogel.mongo.bson.Document;
import java.util.List;

/**
 * mongo-java-server in memory, on 127.0.0.1 and the port given, with two changes: it says wire version 13, the oldest
 * that today's drivers talk to, and a unique index also serves a query that asks for more than the index's own fields,
 * since a compare-and-set on _id and version would read the whole collection otherwise.
 */
public final class MongoStandIn {
    public static void main(String[] arguments) {
        MemoryBackend backend = new MemoryBackend() {
            @Override
            public MemoryDatabase openOrCreateDatabase(String name) {
                return new Database(name, getCursorRegistry());
            }
        };
        backend.version(new Version());
        new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(arguments[0]));
    }

    private static final class Version implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    }

    private static final class Database extends MemoryDatabase {
        Database(String name, CursorRegistry cursors) {
            super(name, cursors);
        }

        @Override
        protected Index<Integer> openOrCreateUniqueIndex(
                String collection, String name, List<IndexKey> keys, boolean sparse) {
            return new UniqueIndex(name, keys, sparse);
        }
    }

    private static final class UniqueIndex extends MemoryUniqueIndex {
        UniqueIndex(String name, List<IndexKey> keys, boolean sparse) {
            super(name, keys, sparse);
        }

        /** What this index finds is held against the whole query afterwards, so fewer fields only mean more to check. */
        @Override
        public synchronized boolean canHandle(Document query) {
            Document own = new Document();
            keySet().stream().filter(query::containsKey).forEach(key -> own.put(key, query.get(key)));
            return super.canHandle(own);
        }
    }
}
