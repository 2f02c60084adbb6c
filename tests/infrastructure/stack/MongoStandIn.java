import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.backend.memory.MemoryCollection;
import de.bwaldvogel.mongo.backend.memory.MemoryDatabase;
import de.bwaldvogel.mongo.backend.memory.index.MemoryUniqueIndex;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.Stream;

/**
 * mongo-java-server in memory, on 127.0.0.1 and the port given, with six changes: it says wire version 13, the oldest
 * that today's drivers talk to; a unique index also serves a query that asks for more than the index's own fields,
 * since a compare-and-set on _id and version would read the whole collection otherwise; an index that is not unique is
 * one, where mongo-java-server itself takes no notice of it and reads everything; and what an aggregation matches first
 * is found by an index as well. And a document that is read is one that was there: without the lock a reader may get
 * its new version with its old state, in the middle of an update, and a compare-and-set by that version passes. The
 * names of fields are kept once, not once for each document: a million requests take 10 GiB, not 14.
 */
public final class MongoStandIn {
    private static final Set<String> WRITES =
            Set.of("insert", "update", "delete", "findAndModify", "createIndexes", "drop", "dropDatabase");

    /** Longer ones are ids that serve as names: each of them is another. */
    private static final int LONGEST_SHARED_NAME = 24;

    private static final Map<String, String> NAMES = new ConcurrentHashMap<>();

    private static Object sharingNames(Object value) {
        if (value instanceof Document) {
            Document shared = new Document();
            ((Document) value).forEach((name, inner) -> shared.put(
                    name.length() > LONGEST_SHARED_NAME ? name : NAMES.computeIfAbsent(name, any -> name),
                    sharingNames(inner)));
            return shared;
        }
        if (value instanceof List) {
            List<Object> shared = new ArrayList<>(((List<?>) value).size());
            ((List<?>) value).forEach(each -> shared.add(sharingNames(each)));
            return shared;
        }
        return value;
    }

    /** What the aggregation in hand asks for first; null where it asks for everything. */
    private static final ThreadLocal<Document> MATCHED = new ThreadLocal<>();

    private static Document firstMatch(Document command) {
        Object pipeline = command.get("pipeline");
        Object first = pipeline instanceof List && !((List<?>) pipeline).isEmpty() ? ((List<?>) pipeline).get(0) : null;
        return first instanceof Document ? (Document) ((Document) first).get("$match") : null;
    }

    public static void main(String[] arguments) {
        MemoryBackend backend = new MemoryBackend() {
            private final ReadWriteLock lock = new ReentrantReadWriteLock();

            @Override
            public Document handleMessage(MongoMessage message) {
                String command = message.getDocument().keySet().iterator().next();
                if (command.equals("insert")) {
                    message.getDocument().computeIfPresent("documents", (name, given) -> sharingNames(given));
                }
                Lock held = WRITES.contains(command) ? lock.writeLock() : lock.readLock();
                held.lock();
                MATCHED.set(firstMatch(message.getDocument()));
                try {
                    return super.handleMessage(message).cloneDeeply();
                } finally {
                    MATCHED.remove();
                    held.unlock();
                }
            }

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
        protected MemoryCollection openOrCreateCollection(String name, CollectionOptions options) {
            return new MatchedCollection(this, name, options, cursorRegistry);
        }

        @Override
        protected Index<Integer> openOrCreateUniqueIndex(
                String collection, String name, List<IndexKey> keys, boolean sparse) {
            return new UniqueIndex(name, keys, sparse);
        }

        @Override
        protected Index<Integer> openOrCreateSecondaryIndex(
                String collection, String name, List<IndexKey> keys, boolean sparse) {
            // Of several fields it goes by the first: what it finds is held against the whole query afterwards.
            return sparse ? new SparseIndex(name, keys) : null;
        }
    }

    /** Looks for what an aggregation matches first, where mongo-java-server itself reads everything. */
    private static final class MatchedCollection extends MemoryCollection {
        MatchedCollection(MongoDatabase database, String name, CollectionOptions options, CursorRegistry cursors) {
            super(database, name, options, cursors);
        }

        @Override
        public Stream<Document> queryAllAsStream() {
            Document matched = MATCHED.get();
            return matched == null ? super.queryAllAsStream() : handleQueryAsStream(matched);
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

    /** The documents that have a field, by its value. */
    private static final class SparseIndex extends Index<Integer> {
        private static final Set<String> OPERATORS = Set.of("$lt", "$lte", "$gt", "$gte", "$in", "$exists");
        private final NavigableMap<Object, Set<Integer>> byValue = new TreeMap<>(ValueComparator.asc());
        private final Map<Object, Integer> byId = new HashMap<>();
        private final String field;

        SparseIndex(String name, List<IndexKey> keys) {
            super(name, keys, true);
            field = keys.get(0).getKey();
        }

        private Object valueIn(Document document) {
            return document.getOrMissing(field);
        }

        @Override
        public synchronized void add(Document document, Integer position, MongoCollection<Integer> collection) {
            Object value = valueIn(document);
            if (value instanceof Missing) {
                return;
            }
            byValue.computeIfAbsent(value, any -> new LinkedHashSet<>()).add(position);
            byId.put(document.get("_id"), position);
        }

        @Override
        public synchronized Integer remove(Document document) {
            Object value = valueIn(document);
            Integer position = value instanceof Missing ? null : byId.remove(document.get("_id"));
            if (position != null) {
                Set<Integer> there = byValue.get(value);
                there.remove(position);
                if (there.isEmpty()) {
                    byValue.remove(value);
                }
            }
            return position;
        }

        @Override
        public synchronized void updateInPlace(
                Document before, Document after, Integer position, MongoCollection<Integer> collection) {
            remove(before);
            add(after, position, collection);
        }

        @Override
        public boolean canHandle(Document query) {
            Object asked = query.getOrMissing(field);
            if (asked instanceof Document) {
                Document operators = (Document) asked;
                return OPERATORS.containsAll(operators.keySet())
                        && !Boolean.FALSE.equals(operators.get("$exists"));
            }
            return asked instanceof Number || asked instanceof String;
        }

        @Override
        public synchronized Iterable<Integer> getPositions(Document query) {
            Object asked = query.get(field);
            NavigableMap<Object, Set<Integer>> found = byValue;
            List<Integer> positions = new ArrayList<>();
            if (!(asked instanceof Document)) {
                positions.addAll(byValue.getOrDefault(asked, Set.of()));
                return positions;
            }
            Document operators = (Document) asked;
            if (operators.containsKey("$in")) {
                for (Object each : (Collection<?>) operators.get("$in")) {
                    positions.addAll(byValue.getOrDefault(each, Set.of()));
                }
                return positions;
            }
            for (String operator : operators.keySet()) {
                Object limit = operators.get(operator);
                if (operator.startsWith("$l")) {
                    found = found.headMap(limit, operator.endsWith("e"));
                } else if (operator.startsWith("$g")) {
                    found = found.tailMap(limit, operator.endsWith("e"));
                }
            }
            found.values().forEach(positions::addAll);
            return positions;
        }

        @Override
        public synchronized Integer getPosition(Document document) {
            return byId.get(document.get("_id"));
        }

        @Override
        public synchronized long getCount() {
            return byId.size();
        }

        @Override
        public long getDataSize() {
            return getCount();
        }

        @Override
        public void checkAdd(Document document, MongoCollection<Integer> collection) {}

        @Override
        public void checkUpdate(Document before, Document after, MongoCollection<Integer> collection) {}

        @Override
        public synchronized void drop() {
            byValue.clear();
            byId.clear();
        }
    }
}
