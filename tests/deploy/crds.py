"""JSON Schemas of the operators' resources, for the fields in use here; whatever else stands there is an error.

Written from the operators' own references: Strimzi 1.2 (v1), MongoDB's community operator (v1), KEDA 2.17
(v1alpha1), Prometheus Operator (v1).
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string", "minLength": 1}
WHOLE: Final[Schema] = {"type": "integer"}
YES: Final[Schema] = {"type": "boolean"}
QUANTITY: Final[Schema] = {"type": "string", "pattern": r"^\d+(\.\d+)?(m|Ki|Mi|Gi|Ti)?$"}
LABELS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}
NAME: Final[Schema] = {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "maxLength": 253}


def of(required: str = "", **fields: Schema) -> Schema:
    """An object with these fields and no others; a trailing underscore stands for Python's own words."""
    properties = {name.rstrip("_"): schema for name, schema in fields.items()}
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def many(schema: Schema, least: int = 1) -> Schema:
    return {"type": "array", "items": schema, "minItems": least}


def resource(version: str, kind: str, spec: Schema) -> Schema:
    metadata = of("name", name=NAME, namespace=NAME, labels=LABELS, annotations=LABELS)
    return of(
        "apiVersion kind metadata spec",
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=metadata,
        spec=spec,
    )


RESOURCES: Final = of(requests=of(cpu=QUANTITY, memory=QUANTITY), limits=of(cpu=QUANTITY, memory=QUANTITY))
_SELECTOR: Final = of("matchLabels", matchLabels=LABELS)
_CONFIG: Final[Schema] = {"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}}
_SCRAM: Final = of("type", type={"const": "scram-sha-512"})

KAFKA: Final = resource(
    "kafka.strimzi.io/v1",
    "Kafka",
    of(
        "kafka",
        kafka=of(
            "listeners",
            version=TEXT,
            listeners=many(
                of(
                    "name port type tls",
                    name={"type": "string", "pattern": "^[a-z0-9]{1,11}$"},
                    port={"type": "integer", "minimum": 9092},
                    type=one_of("internal", "route", "loadbalancer", "nodeport", "ingress", "cluster-ip"),
                    tls=YES,
                    authentication=_SCRAM,
                )
            ),
            authorization=of("type", type=one_of("simple"), superUsers=many(TEXT)),
            rack=of("topologyKey", topologyKey=TEXT),
            config=_CONFIG,
            metricsConfig=of("type", type=one_of("strimziMetricsReporter"), values=of(allowList=many(TEXT))),
            template=of(
                pod=of(
                    affinity=of(
                        podAntiAffinity=of(
                            preferredDuringSchedulingIgnoredDuringExecution=many(
                                of(
                                    "weight podAffinityTerm",
                                    weight={"type": "integer", "minimum": 1, "maximum": 100},
                                    podAffinityTerm=of(
                                        "topologyKey labelSelector", topologyKey=TEXT, labelSelector=_SELECTOR
                                    ),
                                )
                            )
                        )
                    )
                )
            ),
        ),
        entityOperator=of(topicOperator={"type": "object"}, userOperator={"type": "object"}),
    ),
)
KAFKA_NODE_POOL: Final = resource(
    "kafka.strimzi.io/v1",
    "KafkaNodePool",
    of(
        "replicas roles storage",
        replicas={"type": "integer", "minimum": 1},
        roles=many(one_of("controller", "broker")),
        storage=of(
            "type volumes",
            type={"const": "jbod"},
            volumes=many(
                of(
                    "id type size",
                    id=WHOLE,
                    type={"const": "persistent-claim"},
                    size=QUANTITY,
                    kraftMetadata={"const": "shared"},
                    deleteClaim=YES,
                )
            ),
        ),
        resources=RESOURCES,
        jvmOptions={"type": "object", "properties": {"-Xms": TEXT, "-Xmx": TEXT}, "additionalProperties": False},
    ),
)
KAFKA_TOPIC: Final = resource(
    "kafka.strimzi.io/v1",
    "KafkaTopic",
    of("partitions replicas", partitions=WHOLE, replicas=WHOLE, config=_CONFIG),
)
_ACL: Final = of(
    "resource operations",
    resource=of(
        "type",
        type=one_of("topic", "group", "cluster", "transactionalId"),
        name=TEXT,
        patternType=one_of("literal", "prefix"),
    ),
    operations=many(
        one_of(
            "Read",
            "Write",
            "Create",
            "Delete",
            "Alter",
            "Describe",
            "ClusterAction",
            "AlterConfigs",
            "DescribeConfigs",
            "IdempotentWrite",
            "All",
        )
    ),
)
KAFKA_USER: Final = resource(
    "kafka.strimzi.io/v1",
    "KafkaUser",
    of(
        "authentication authorization",
        authentication=_SCRAM,
        authorization=of("type acls", type={"const": "simple"}, acls=many(_ACL)),
        quotas=of("", producerByteRate=WHOLE, consumerByteRate=WHOLE, requestPercentage=WHOLE),
    ),
)
SCALED_OBJECT: Final = resource(
    "keda.sh/v1alpha1",
    "ScaledObject",
    of(
        "scaleTargetRef triggers",
        scaleTargetRef=of("name", name=NAME),
        minReplicaCount=WHOLE,
        maxReplicaCount=WHOLE,
        pollingInterval=WHOLE,
        cooldownPeriod=WHOLE,
        advanced=of(
            horizontalPodAutoscalerConfig=of(
                behavior=of(
                    scaleDown=of(
                        stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
                        policies=many(
                            of(
                                "type value periodSeconds",
                                type=one_of("Pods", "Percent"),
                                value=WHOLE,
                                periodSeconds={"type": "integer", "minimum": 1, "maximum": 1800},
                            )
                        ),
                    )
                )
            )
        ),
        triggers=many(
            of(
                "type metadata",
                type=one_of("kafka", "apache-kafka"),
                # KEDA's own: each value is a text, numbers and truths too.
                metadata=of(
                    "bootstrapServers consumerGroup lagThreshold",
                    bootstrapServers=TEXT,
                    consumerGroup=TEXT,
                    lagThreshold=TEXT,
                    activationLagThreshold=TEXT,
                    offsetResetPolicy=one_of("earliest", "latest"),
                    limitToPartitionsWithLag=one_of("true", "false"),
                    tls=one_of("enable", "disable"),
                    sasl=one_of("plaintext", "scram_sha256", "scram_sha512", "oauthbearer", "aws_msk_iam", "none"),
                ),
                authenticationRef=of("name", name=NAME),
            )
        ),
    ),
)
TRIGGER_AUTHENTICATION: Final = resource(
    "keda.sh/v1alpha1",
    "TriggerAuthentication",
    of("secretTargetRef", secretTargetRef=many(of("parameter name key", parameter=TEXT, name=NAME, key=TEXT))),
)
POD_MONITOR: Final = resource(
    "monitoring.coreos.com/v1",
    "PodMonitor",
    of(
        "selector podMetricsEndpoints",
        selector=_SELECTOR,
        podMetricsEndpoints=many(of("port", port=TEXT, path=TEXT, interval=TEXT)),
    ),
)
PROMETHEUS_RULE: Final = resource(
    "monitoring.coreos.com/v1",
    "PrometheusRule",
    of(
        "groups",
        groups=many(
            of(
                "name rules",
                name=TEXT,
                interval=TEXT,
                rules=many(
                    of(
                        "expr",
                        record=TEXT,
                        alert=TEXT,
                        expr=TEXT,
                        for_=TEXT,
                        keep_firing_for=TEXT,
                        labels=LABELS,
                        annotations=LABELS,
                    )
                ),
            )
        ),
    ),
)
_PASSWORD: Final = of("name", name=NAME, key=TEXT)
MONGODB: Final = resource(
    "mongodbcommunity.mongodb.com/v1",
    "MongoDBCommunity",
    of(
        "type members version security users",
        type={"const": "ReplicaSet"},
        members={"type": "integer", "minimum": 1},
        version={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        security=of(
            "authentication",
            authentication=of("modes", modes=many(one_of("SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM", "X509"))),
            tls=of("enabled", enabled=YES, certificateKeySecretRef=of(name=NAME), caConfigMapRef=of(name=NAME)),
        ),
        additionalConnectionStringConfig=_CONFIG,
        additionalMongodConfig={"type": "object"},
        statefulSet=of("spec", spec={"type": "object"}),
        users=many(
            of(
                "name db passwordSecretRef roles scramCredentialsSecretName",
                name=TEXT,
                db=TEXT,
                passwordSecretRef=_PASSWORD,
                # The operator makes a secret's name of it, so it must be one.
                scramCredentialsSecretName=NAME,
                connectionStringSecretName=NAME,
                roles=many(of("name db", name=TEXT, db=TEXT)),
            )
        ),
    ),
)

SCHEMAS: Final = {
    schema["properties"]["kind"]["const"]: schema
    for schema in (
        KAFKA,
        KAFKA_NODE_POOL,
        KAFKA_TOPIC,
        KAFKA_USER,
        SCALED_OBJECT,
        TRIGGER_AUTHENTICATION,
        POD_MONITOR,
        PROMETHEUS_RULE,
        MONGODB,
    )
}
