"""What stands in deploy/kubernetes: rendered by kustomize, held against the schemas, and against the program itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.access import users
from homecall.contract.topics import SERVICES, TOPICS, read_by
from homecall.runtime.encryption import BadKeys, key_ring, keys_object
from homecall.runtime.settings import Settings, SettingsError, load_settings
from services.desk.web.events import HEARTBEAT_SECONDS
from services.desk.web.site import LARGEST_FORM
from tests.deploy.crds import SCHEMAS
from tests.infrastructure.tls import Authority

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
KUSTOMIZE = "v5.7.1"
CACHE = ROOT / ".stack" / f"kustomize-{KUSTOMIZE}"
VERSION = "1.33"
"""Of Kubernetes, whose own schemas the core resources are held against."""
OVERLAYS = ("production", "trial")

Resource = dict[str, Any]


@pytest.fixture(scope="session")
def kustomize() -> str:
    """kustomize from the PATH, or built once from its Go module and kept."""
    there = shutil.which("kustomize") or shutil.which("kustomize", path=str(CACHE))
    if there:
        return there
    go = shutil.which("go")
    if go is None:
        pytest.skip("neither kustomize nor Go is here: nothing renders the manifests")
    module = f"sigs.k8s.io/kustomize/kustomize/v5@{KUSTOMIZE}"
    built = subprocess.run(
        [go, "install", module], env={**os.environ, "GOBIN": str(CACHE)}, capture_output=True, check=False, timeout=280
    )
    if built.returncode != 0:
        pytest.skip(f"Go could not build {module}")
    return str(CACHE / "kustomize")


@pytest.fixture(scope="session")
def rendered(kustomize: str) -> dict[str, list[Resource]]:
    """Each overlay's resources."""
    return {overlay: built(kustomize, KUBERNETES / "overlays" / overlay) for overlay in OVERLAYS}


def built(kustomize: str, directory: Path) -> list[Resource]:
    done = subprocess.run([kustomize, "build", str(directory)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


@pytest.fixture(params=OVERLAYS)
def resources(rendered: dict[str, list[Resource]], request: pytest.FixtureRequest) -> list[Resource]:
    return rendered[request.param]


def kind(resources: list[Resource], name: str) -> dict[str, Resource]:
    return {each["metadata"]["name"]: each for each in resources if each["kind"] == name}


def pods(resources: list[Resource]) -> Iterator[tuple[str, Resource]]:
    """Each pod template of ours, by the name of what makes it."""
    for name, each in kind(resources, "Deployment").items():
        yield name, each["spec"]["template"]
    for name, each in kind(resources, "Job").items():
        yield name, each["spec"]["template"]
    for name, each in kind(resources, "CronJob").items():
        yield name, each["spec"]["jobTemplate"]["spec"]["template"]


def test_every_resource_is_right_by_its_schema(resources: list[Resource]) -> None:
    problems = []
    for each in resources:
        name = f"{each['kind']} {each['metadata']['name']}"
        if each["kind"] in SCHEMAS:
            errors = Draft202012Validator(SCHEMAS[each["kind"]]).iter_errors(each)
            problems += [f"{name}: {error.json_path}: {error.message[:200]}" for error in errors]
        else:
            try:
                kubernetes_validate.validate(each, VERSION, strict=True)
            except kubernetes_validate.ValidationError as error:
                problems.append(f"{name}: {'.'.join(map(str, error.path))}: {error.message[:200]}")
    assert problems == []
    seen = {each["kind"] for each in resources}
    assert seen >= SCHEMAS.keys() | {"Deployment", "CronJob", "NetworkPolicy"}


def test_the_schemas_find_what_is_wrong(rendered: dict[str, list[Resource]]) -> None:
    resources = rendered["production"]
    user = next(each for each in resources if each["kind"] == "KafkaUser")
    user = yaml.safe_load(yaml.safe_dump(user))
    user["spec"]["authorization"]["acls"][0]["operations"] = ["Reed"]
    assert not Draft202012Validator(SCHEMAS["KafkaUser"]).is_valid(user)
    deployment = yaml.safe_load(yaml.safe_dump(next(iter(kind(resources, "Deployment").values()))))
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSION, strict=True)


def test_each_service_has_its_deployment_budget_and_scaling(resources: list[Resource]) -> None:
    deployments, budgets = kind(resources, "Deployment"), kind(resources, "PodDisruptionBudget")
    for service in SERVICES:
        name = f"homecall-{service}"
        labels = deployments[name]["spec"]["template"]["metadata"]["labels"]
        assert labels["app.kubernetes.io/component"] == service
        for selector in (deployments[name]["spec"]["selector"], budgets[name]["spec"]["selector"]):
            assert selector["matchLabels"]["app.kubernetes.io/component"] == service
            assert selector["matchLabels"].items() <= labels.items()
        scaled = kind(resources, "ScaledObject")[name]["spec"]
        assert scaled["scaleTargetRef"]["name"] == name
        assert [each["metadata"]["consumerGroup"] for each in scaled["triggers"]] == [name]
        most = max(topic.partitions for topic in read_by(service))
        assert scaled["minReplicaCount"] <= scaled["maxReplicaCount"] <= most


def test_what_runs_may_do_nothing_but_its_work(resources: list[Resource]) -> None:
    for name, template in pods(resources):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        for container in spec["containers"]:
            closed = container["securityContext"]
            assert closed["readOnlyRootFilesystem"] is True, name
            assert closed["allowPrivilegeEscalation"] is False, name
            assert closed["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["limits"]["memory"], name


def test_every_network_policy_holds_our_pods_and_no_others(resources: list[Resource]) -> None:
    policy = kind(resources, "NetworkPolicy")["homecall"]
    selected = policy["spec"]["podSelector"]["matchLabels"].items()
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    for name, template in pods(resources):
        assert selected <= template["metadata"]["labels"].items(), name
    broker = {"app.kubernetes.io/name": "kafka", "strimzi.io/cluster": "homecall"}
    assert not selected <= broker.items()
    targets = [each["podSelector"]["matchLabels"] for rule in policy["spec"]["egress"] for each in rule["to"]]
    assert {"strimzi.io/cluster": "homecall"} in targets


def test_the_desk_and_nobody_else_reaches_the_scheduler_for_windows(resources: list[Resource]) -> None:
    policies, services = kind(resources, "NetworkPolicy"), kind(resources, "Service")
    (settings,) = (each for name, each in kind(resources, "ConfigMap").items() if name.startswith("homecall-settings"))
    service = services[urlsplit(settings["data"]["HOMECALL_OFFERS_URL"]).hostname or ""]

    def reached(labels: dict[str, str]) -> set[str]:
        selected = labels.items()
        return {name for name, each in pods(resources) if selected <= each["metadata"]["labels"].items()}

    assert reached(service["spec"]["selector"]) == {"homecall-scheduler"}
    (port,) = service["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, "http")
    for name, at, side, peer in (
        ("homecall-offers-in", "homecall-scheduler", "ingress", ("from", "homecall-desk")),
        ("homecall-offers-out", "homecall-desk", "egress", ("to", "homecall-scheduler")),
    ):
        spec = policies[name]["spec"]
        assert reached(spec["podSelector"]["matchLabels"]) == {at}
        assert spec["policyTypes"] == [side.capitalize()]
        (rule,) = spec[side]
        assert [reached(each["podSelector"]["matchLabels"]) for each in rule[peer[0]]] == [{peer[1]}]
        assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]


def test_the_way_in_for_delivery_reports_leads_to_the_notifier_and_no_further(
    kustomize: str, resources: list[Resource]
) -> None:
    added = built(kustomize, KUBERNETES / "reports")
    for each in added:
        kubernetes_validate.validate(each, VERSION, strict=True)
    (service,), (policy,) = kind(added, "Service").values(), kind(added, "NetworkPolicy").values()
    selected = service["spec"]["selector"].items()
    assert policy["spec"]["podSelector"]["matchLabels"].items() == selected
    reached = {
        name: template for name, template in pods(resources) if selected <= template["metadata"]["labels"].items()
    }
    assert reached.keys() == {"homecall-notifier"}
    (container,) = reached["homecall-notifier"]["spec"]["containers"]
    open_ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= open_ports
    assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} <= open_ports


def test_the_way_in_for_browsers_leads_to_the_desk_and_no_further(kustomize: str, resources: list[Resource]) -> None:
    added = built(kustomize, KUBERNETES / "browsers")
    for each in added:
        kubernetes_validate.validate(each, VERSION, strict=True)
    (service,), (policy,) = kind(added, "Service").values(), kind(added, "NetworkPolicy").values()
    selected = service["spec"]["selector"].items()
    assert policy["spec"]["podSelector"]["matchLabels"].items() == selected
    reached = {
        name: template for name, template in pods(resources) if selected <= template["metadata"]["labels"].items()
    }
    assert reached.keys() == {"homecall-desk"}
    (container,) = reached["homecall-desk"]["spec"]["containers"]
    open_ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= open_ports
    assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} <= open_ports


def test_the_ingress_ends_tls_passes_streams_and_binds_no_browser_to_a_replica(kustomize: str) -> None:
    added = built(kustomize, KUBERNETES / "browsers")
    (ingress,), (service,) = kind(added, "Ingress").values(), kind(added, "Service").values()
    hosts = [rule["host"] for rule in ingress["spec"]["rules"]]
    assert [each["hosts"] for each in ingress["spec"]["tls"]] == [hosts]
    assert all(each["secretName"] for each in ingress["spec"]["tls"])
    for rule in ingress["spec"]["rules"]:
        (path,) = rule["http"]["paths"]
        assert (path["path"], path["backend"]["service"]["name"]) == ("/", service["metadata"]["name"])
        assert path["backend"]["service"]["port"]["name"] in {each["name"] for each in service["spec"]["ports"]}
    prefix = "nginx.ingress.kubernetes.io/"
    set_to = {name.removeprefix(prefix): text for name, text in ingress["metadata"]["annotations"].items()}
    assert set_to["proxy-buffering"] == "off"
    assert int(set_to["proxy-read-timeout"]) > 4 * HEARTBEAT_SECONDS
    assert int(set_to["proxy-body-size"].removesuffix("k")) * 1024 >= LARGEST_FORM
    assert not [name for name in set_to if "affinity" in name or "session" in name]
    assert service["spec"].get("sessionAffinity", "None") == "None"


def test_what_is_mounted_and_set_is_there_or_is_the_operators_to_make(resources: list[Resource]) -> None:
    """Secrets come from Strimzi, from MongoDB's operator, or are named in docs/operations.md as to be made."""
    made = set(kind(resources, "Secret")) | set(kind(resources, "ConfigMap")) | set(kind(resources, "KafkaUser"))
    made.add("homecall-cluster-ca-cert")
    mounted = {
        volume["secret"]["secretName"]
        for _, template in pods(resources)
        for volume in template["spec"]["volumes"]
        if "secret" in volume
    }
    # Strimzi writes a secret of each user's name, and would take another's place.
    assert not mounted & set(kind(resources, "KafkaUser"))
    for each in kind(resources, "MongoDBCommunity").values():
        made |= {user["connectionStringSecretName"] for user in each["spec"]["users"]}
    by_hand = {"homecall-desk-files", "homecall-keys", "homecall-trust-store", "homecall-crls", "homecall-mongodb-ca"}
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert all(f"`{name}`" in text for name in by_hand)
    for name, template in pods(resources):
        wanted = {each["secret"]["secretName"] for each in template["spec"]["volumes"] if "secret" in each}
        wanted |= {each["configMap"]["name"] for each in template["spec"]["volumes"] if "configMap" in each}
        for container in template["spec"]["containers"]:
            wanted |= {each["configMapRef"]["name"] for each in container["envFrom"]}
            refs = (each.get("valueFrom", {}).get("secretKeyRef") for each in container["env"])
            wanted |= {ref["name"] for ref in refs if ref}
        assert wanted <= made | by_hand, f"{name}: {sorted(wanted - made - by_hand)}"


def test_the_settings_are_settings(resources: list[Resource]) -> None:
    known = {f"HOMECALL_{name.upper()}" for name in Settings.model_fields}
    # Where its name carries a hash, a change of the settings restarts the pods.
    maps = kind(resources, "ConfigMap")
    (settings,) = (each for name, each in maps.items() if name.startswith("homecall-settings"))
    given = set(settings["data"])
    for _, template in pods(resources):
        given |= {each["name"] for container in template["spec"]["containers"] for each in container["env"]}
    assert given - {"SERVICE"} <= known


def _files(spec: Resource, maps: dict[str, Resource], certificate: str) -> dict[str, dict[str, str]]:
    """What stands in each volume of a pod: that of the manifests, else a stand-in of what an operator makes."""
    made = {
        "homecall-cluster-ca-cert": {"ca.crt": certificate},
        "homecall-mongodb-ca": {"ca.crt": certificate},
        "homecall-keys": {"keys.json": json.dumps({"lookup": "ab" * 32, "keys": {"1": "cd" * 32}, "current": "1"})},
    }
    found = {}
    for volume in spec["volumes"]:
        name = volume.get("secret", {}).get("secretName") or volume.get("configMap", {}).get("name")
        found[volume["name"]] = maps[name]["data"] if name in maps else made.get(name, {})
    return found


def _environment(container: Resource, labels: dict[str, str], maps: dict[str, Resource]) -> dict[str, str]:
    """What a container's process finds, ``env`` before ``envFrom``, with a stand-in for each secret."""
    given: dict[str, str] = {}
    for each in container["envFrom"]:
        given |= maps[each["configMapRef"]["name"]]["data"]
    for each in container["env"]:
        source = each.get("valueFrom", {})
        if "fieldRef" in source:
            value = labels[source["fieldRef"]["fieldPath"].split("'")[1]]
        elif "secretKeyRef" in source:
            is_address = source["secretKeyRef"]["key"].startswith("connectionString")
            value = "mongodb+srv://user:secret@db.example" if is_address else "secret"
        else:
            value = each["value"].replace("$(SERVICE)", given.get("SERVICE", ""))
        given[each["name"]] = value
    return given


def test_every_container_starts_with_the_settings_that_it_is_given(
    resources: list[Resource], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("HOMECALL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)  # no .env of ours
    maps = kind(resources, "ConfigMap")
    certificate = Authority(tmp_path).ca.read_text("utf-8")
    for name, template in pods(resources):
        spec = template["spec"]
        files = _files(spec, maps, certificate)
        for container in spec["containers"]:
            given = _environment(container, template["metadata"]["labels"], maps)
            for mount in container["volumeMounts"]:
                place = tmp_path / name / mount["mountPath"].lstrip("/")
                place.mkdir(parents=True)
                for file, text in files[mount["name"]].items():
                    (place / file).write_text(text, "utf-8")
            with monkeypatch.context() as process:
                for each, text in given.items():
                    process.setenv(each, text.replace("/etc/homecall", f"{tmp_path}/{name}/etc/homecall"))
                try:
                    settings = load_settings()
                    assert settings.keys_file is not None, name
                    key_ring(keys_object(settings.keys_file.read_text("utf-8")))
                except (SettingsError, BadKeys) as error:
                    pytest.fail(f"{name}: {error}")
            if settings.kafka_security == "PLAINTEXT":
                assert container["args"][0] in {"migrate", "erase", "reconcile"}, f"{name} writes to Kafka"
            else:
                assert settings.kafka_username in kind(resources, "KafkaUser"), name
            for directory in (settings.trust_store, settings.crls):
                assert directory is None or directory.is_dir(), name


def test_a_service_reaches_its_own_database_and_no_other(resources: list[Resource]) -> None:
    (database,) = kind(resources, "MongoDBCommunity").values()
    roles = {user["name"]: {(role["name"], role["db"]) for role in user["roles"]} for user in database["spec"]["users"]}
    for service in SERVICES:
        assert roles[service] == {("readWrite", f"homecall_{service}")}
    assert all(name == "read" for name, _ in roles["reconcile"])


def test_what_is_one_off_is_a_job_that_may_write_every_database_and_is_tried_again(resources: list[Resource]) -> None:
    job = kind(resources, "Job")["homecall-migrate"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["migrate"]
    assert job["spec"]["backoffLimit"] > 0
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure"
    (database,) = kind(resources, "MongoDBCommunity").values()
    users = {user["connectionStringSecretName"]: user for user in database["spec"]["users"]}
    (url,) = (each for each in container["env"] if each["name"] == "HOMECALL_MONGO_URL")
    roles = users[url["valueFrom"]["secretKeyRef"]["name"]]["roles"]
    assert {(role["name"], role["db"]) for role in roles} == {("readWrite", f"homecall_{name}") for name in SERVICES}


def test_backups_are_kept_by_who_may_read_and_no_more(resources: list[Resource]) -> None:
    pod = kind(resources, "CronJob")["homecall-backup"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    place = container["args"][container["args"].index("--out") + 1]
    (mount,) = (each["name"] for each in container["volumeMounts"] if each["mountPath"] == place)
    (claim,) = (each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"] if each["name"] == mount)
    assert claim in kind(resources, "PersistentVolumeClaim")
    (database,) = kind(resources, "MongoDBCommunity").values()
    users = {user["connectionStringSecretName"]: user for user in database["spec"]["users"]}
    env = {each["name"]: each for each in container["env"]}
    roles = users[env["HOMECALL_MONGO_URL"]["valueFrom"]["secretKeyRef"]["name"]]["roles"]
    assert [(role["name"], role["db"]) for role in roles] == [("backup", "admin")]
    user = kind(resources, "KafkaUser").get(env["HOMECALL_KAFKA_USERNAME"]["value"])
    if user is not None:
        operations = {each for acl in user["spec"]["authorization"]["acls"] for each in acl["operations"]}
        assert operations == {"Describe"}


def test_the_backups_volume_holds_all_that_are_kept(rendered: dict[str, list[Resource]]) -> None:
    """docs/capacity.md: those and the one being written, none larger than a member's volume."""
    resources = rendered["production"]
    (database,) = kind(resources, "MongoDBCommunity").values()
    (claim,) = database["spec"]["statefulSet"]["spec"]["volumeClaimTemplates"]
    pod = kind(resources, "CronJob")["homecall-backup"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    arguments = pod["containers"][0]["args"]
    kept = int(arguments[arguments.index("--keep") + 1])

    def gigabytes(spec: Resource) -> int:
        return int(spec["resources"]["requests"]["storage"].removesuffix("Gi"))

    backups = kind(resources, "PersistentVolumeClaim")["homecall-backups"]["spec"]
    assert gigabytes(backups) >= (kept + 1) * gigabytes(claim["spec"])
    assert f"{gigabytes(backups):,} GiB" in (ROOT / "docs" / "capacity.md").read_text("utf-8")


def test_topics_and_users_are_made_from_the_table_of_topics() -> None:
    run = CliRunner()
    topics, listed = (KUBERNETES / "kafka" / f"{name}.yaml" for name in ("topics", "users"))
    assert topics.read_text("utf-8") == run.invoke(app, ["topics", "manifest"]).stdout, "homecall topics manifest"
    assert listed.read_text("utf-8") == run.invoke(app, ["access", "--format", "strimzi"]).stdout, (
        "homecall access --format strimzi"
    )
    assert [each["metadata"]["name"] for each in yaml.safe_load_all(topics.read_text("utf-8"))] == [
        topic.name for topic in TOPICS
    ]
    assert {each["metadata"]["name"] for each in yaml.safe_load_all(listed.read_text("utf-8"))} == {
        user.name for user in users()
    }


def test_the_users_of_the_database_are_made_from_the_list_of_services() -> None:
    made = CliRunner().invoke(app, ["access", "--format", "mongodb-operator"]).stdout
    text = (KUBERNETES / "mongodb" / "replica-set.yaml").read_text("utf-8")
    assert text.endswith(f"  users:\n{made}"), "homecall access --format mongodb-operator"


def test_the_rules_are_those_of_prometheus(resources: list[Resource]) -> None:
    files = [ROOT / "deploy" / "prometheus" / f"homecall.{name}.yml" for name in ("rules", "alerts")]
    groups = [group for file in files for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
    told = "python deploy/kubernetes/rules.py > deploy/kubernetes/base/rules.yaml"
    assert kind(resources, "PrometheusRule")["homecall"]["spec"]["groups"] == groups, told


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_runbooks_address_is_set_in_one_place(kustomize: str, tmp_path: Path, overlay: str) -> None:
    copy = tmp_path / "kubernetes"
    shutil.copytree(KUBERNETES, copy)
    place = copy / "overlays" / overlay / "runbooks.yaml"
    text = place.read_text("utf-8")
    base = yaml.safe_load(text)["data"]["base"]
    place.write_text(text.replace(base, "https://wiki.example.kz/homecall"), "utf-8")
    resources = built(kustomize, copy / "overlays" / overlay)
    rules = [
        rule for group in kind(resources, "PrometheusRule")["homecall"]["spec"]["groups"] for rule in group["rules"]
    ]
    links = [rule["annotations"]["runbook_url"] for rule in rules if "alert" in rule]
    assert len(links) > 30
    assert {link.partition("#")[0] for link in links} == {"https://wiki.example.kz/homecall"}
    assert all(link.partition("#")[2] for link in links)
    assert "homecall-runbooks" not in kind(resources, "ConfigMap"), "it is not applied"


def test_a_nightly_job_that_fails_or_never_ends_is_told_of(resources: list[Resource]) -> None:
    rules = [
        rule for group in kind(resources, "PrometheusRule")["homecall"]["spec"]["groups"] for rule in group["rules"]
    ]
    for alert, label, suffix in (("HomecallJobFailed", "job_name", "-29000003"), ("HomecallJobLate", "cronjob", "")):
        (expression,) = (rule["expr"] for rule in rules if rule.get("alert") == alert)
        patterns = re.findall(rf'{label}=~"([^"]+)"', expression)
        assert patterns
        for name in kind(resources, "CronJob"):
            assert all(re.fullmatch(pattern, name + suffix) for pattern in patterns), f"{alert}: {name}"


def test_three_zones_keep_what_was_acknowledged(rendered: dict[str, list[Resource]]) -> None:
    resources = rendered["production"]
    config = kind(resources, "Kafka")["homecall"]["spec"]["kafka"]["config"]
    assert config["min.insync.replicas"] == 2
    assert config["unclean.leader.election.enable"] is False
    assert config["auto.create.topics.enable"] is False
    assert kind(resources, "KafkaNodePool")["dual"]["spec"]["replicas"] == 3
    assert {each["spec"]["replicas"] for each in kind(resources, "KafkaTopic").values()} == {3}
    assert {each["spec"]["members"] for each in kind(resources, "MongoDBCommunity").values()} == {3}
