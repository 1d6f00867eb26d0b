"""What deploy/ holds fits the program: its config, its fleet, its metrics."""

import json
import re
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import yaml

from flaky_load_balancer.admin import metrics
from flaky_load_balancer.admin.app import admin_plane
from flaky_load_balancer.admin.stream import Live
from flaky_load_balancer.cli import serve, serving
from flaky_load_balancer.config import PoolSettings, ServerSettings, Settings, Thresholds
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.http1 import Client
from flaky_load_balancer.proxy.learning import Learning
from flaky_load_balancer.proxy.pool import Pool
from flaky_load_balancer.records import NoRecorder
from flaky_load_balancer.simulation import scenarios
from tests.routes import answering, deliver, route

DEPLOY = Path(__file__).parent.parent / "deploy"


def test_its_config_is_one_and_its_servers_are_those_of_its_fleet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLB_ADMIN_TOKEN", "secret")
    settings = serving.check(DEPLOY / "flb.toml")
    fleet = scenarios.find(str(DEPLOY / "fleet.toml"))
    ports = [int(each.url.rpartition(":")[2]) for each in settings.pools["flaky"].servers]
    assert fleet.port is not None
    assert ports == [fleet.port + arm for arm in range(fleet.servers)]
    assert settings.alerts.thresholds != Thresholds()


async def test_its_board_shows_metrics_that_exist_by_labels_that_they_have() -> None:
    served = route(answering(Outcome.SUCCEEDED))
    await deliver(served)
    served.learnt = Learning(0.1, 0.2, 1, {"share_min": 2}, 3.0)
    served.firing["alarms"] = 3.0
    pool = Pool("flaky", PoolSettings((ServerSettings.at("http://127.0.0.1:1"),)), Client())
    families = list(metrics.Routes([served], lambda: 0, {"flaky": pool}).collect())
    samples = [sample for family in families for sample in family.samples]
    labels = {sample.name: sample.labels.keys() for sample in samples}
    board = json.loads((DEPLOY / "grafana" / "boards" / "flb.json").read_text())
    shown = set()
    for target in (target for panel in board["panels"] for target in panel["targets"]):
        names = re.findall(r"flb_\w+", target["expr"])
        kept = {
            each for by in re.findall(r"by \((.*?)\)", target["expr"]) for each in by.split(", ")
        }
        for name in names:
            assert kept <= labels[name], name
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= kept
        shown.update(names)
    assert {
        "flb_alert_firing",
        "flb_exploration_ratio",
        "flb_posterior_width",
        "flb_change_alarms_total",
        "flb_last_change_timestamp_seconds",
        "flb_constraint_violations_total",
    } <= shown
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len({panel["id"] for panel in board["panels"]}) == len(places)


def test_its_unit_and_image_call_commands_that_exist() -> None:
    unit = (DEPLOY / "flb.service").read_text()
    assert "ExecStartPre=/usr/local/bin/flb check " in unit
    assert "Type=notify" in unit
    image = (DEPLOY / "Containerfile").read_text()
    for copied in re.findall(r"-r (\S+)", image):
        assert (DEPLOY.parent / copied).is_file()


def test_its_image_has_what_sharing_and_a_database_take() -> None:
    pinned = (DEPLOY.parent / "requirements" / "image.txt").read_text()
    assert re.search(r"^redis==", pinned, re.MULTILINE)
    assert re.search(r"^psycopg==", pinned, re.MULTILINE)
    assert "requirements/image.txt" in (DEPLOY / "Containerfile").read_text()


# Kubernetes.


def manifests() -> dict[tuple[str, str], Any]:
    """By kind and name."""
    documents = [
        document
        for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
    ]
    found = {(each["kind"], each["metadata"]["name"]): each for each in documents}
    assert len(found) == len(documents)
    return found


def container(name: str = "flb") -> Any:
    (found,) = manifests()["Deployment", name]["spec"]["template"]["spec"]["containers"]
    return found


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The config of the ConfigMap, read as in a pod."""
    for variable in container()["env"]:
        monkeypatch.setenv(variable["name"], variable.get("value", "redis://10.0.0.1"))
    config = tmp_path / "flb.toml"
    config.write_text(manifests()["ConfigMap", "flb"]["data"]["flb.toml"])
    return serving.check(config)


def test_a_pod_listens_where_probes_services_and_clients_ask(settings: Settings) -> None:
    ports = {each["name"]: each["containerPort"] for each in container()["ports"]}
    assert ports == {"http": settings.port, "admin": settings.admin_port}
    assert settings.host == settings.admin_host == "0.0.0.0"
    assert settings.workers == 2
    paths = {}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container()[probe]["httpGet"]
        assert asked["port"] == "admin"
        assert asked["httpHeaders"] == [{"name": "Host", "value": "localhost"}]
        paths[probe] = asked["path"]
    assert list(paths.values()) == ["/readyz", "/livez", "/readyz"]
    for name, targets in (("flb", {"http", "admin"}), ("flb-redis", {"redis"})):
        service, deployment = manifests()["Service", name], manifests()["Deployment", name]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert (
            service["spec"]["selector"] == labels == deployment["spec"]["selector"]["matchLabels"]
        )
        named = {each["name"] for each in container(name)["ports"]}
        assert {each["targetPort"] for each in service["spec"]["ports"]} == targets <= named


async def test_probes_are_answered_without_a_token_by_the_name_that_they_ask_by() -> None:
    live = Live([], lambda: 0.0, NoRecorder())
    app: Any = admin_plane(
        [], live, None, ready=lambda: True, records_lost=lambda: 0, token="secret"
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://10.1.2.3:8001") as http:
        for path in ("/livez", "/readyz"):
            assert (await http.get(path)).status_code == 400
            assert (await http.get(path, headers={"Host": "localhost"})).status_code == 200
        refused = await http.get("/api/snapshot", headers={"Host": "localhost"})
        assert refused.status_code == 401


def test_a_pod_gets_time_to_end_and_its_folders_are_there(settings: Settings) -> None:
    pod = manifests()["Deployment", "flb"]["spec"]["template"]["spec"]
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + 2 * settings.drain
    mounted = {each["mountPath"]: each["name"] for each in container()["volumeMounts"]}
    assert set(mounted.values()) == {each["name"] for each in pod["volumes"]}
    words = container()["args"]
    assert words[0] == "serve"
    options = {name: p for p in serve.main.params for name in p.opts if isinstance(p, click.Option)}
    flags = dict(zip(words[1::2], words[2::2], strict=True))
    assert flags.keys() <= options.keys()
    assert str(Path(flags["--config"]).parent) in mounted
    assert flags["--data-dir"] in mounted


def test_secrets_come_from_the_environment_and_redis_is_the_one_that_runs() -> None:
    found = manifests()
    assert not any(kind == "Secret" for kind, _ in found)
    readme = (DEPLOY / "README.md").read_text()
    for name in ("flb", "flb-redis"):
        for variable in container(name)["env"]:
            secret = variable.get("valueFrom", {}).get("secretKeyRef")
            if secret is not None:
                assert secret["name"] == "flb"
                assert f"--from-literal={secret['key']}=" in readme
    share = {each["name"]: each.get("value") for each in container()["env"]}["FLB_SHARE"]
    port = found["Service", "flb-redis"]["spec"]["ports"][0]["port"]
    assert share == f"redis://:$(REDIS_PASSWORD)@flb-redis:{port}/0"


async def test_disruptions_and_scaling_are_of_the_balancer_by_a_metric_that_exists() -> None:
    found = manifests()
    labels = found["Deployment", "flb"]["spec"]["selector"]
    assert found["PodDisruptionBudget", "flb"]["spec"] == {"minAvailable": 1, "selector": labels}
    scaler = found["HorizontalPodAutoscaler", "flb"]["spec"]
    assert scaler["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "flb",
    }
    assert scaler["minReplicas"] == found["Deployment", "flb"]["spec"]["replicas"] == 2
    (metric,) = scaler["metrics"]
    name = metric["pods"]["metric"]["name"]
    families = metrics.Routes([], lambda: 0, {}).collect()
    assert name in {family.name for family in families}
    assert f"name: {{ as: {name} }}" in (DEPLOY / "README.md").read_text()


def test_its_balancers_in_containers_share_over_a_redis_that_is_there() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    options = {name for each in serve.main.params for name in each.opts}
    for name in ("flb", "twin"):
        words = services[name]["command"]
        assert words[0] == "serve"
        assert {word for word in words if word.startswith("--")} <= options
        assert words[words.index("--share") + 1] == "env:FLB_SHARE"
        url = services[name]["environment"]["FLB_SHARE"]
        assert url.removeprefix("redis://").partition(":")[0] in services
