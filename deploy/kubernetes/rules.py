"""The rules of deploy/prometheus as a resource of the Prometheus operator: what base/rules.yaml holds."""

from __future__ import annotations

from pathlib import Path

RULES = Path(__file__).parents[1] / "prometheus"
HEAD = """# Made from deploy/prometheus: python deploy/kubernetes/rules.py > deploy/kubernetes/base/rules.yaml
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: homecall
spec:
  groups:
"""


def resource() -> str:
    """The groups of both files, in one."""
    groups = [
        (RULES / f"homecall.{name}.yml").read_text("utf-8").split("\ngroups:\n", 1)[1] for name in ("rules", "alerts")
    ]
    lines = "".join(groups).splitlines()
    return HEAD + "".join(f"  {line}\n" if line else "\n" for line in lines)


if __name__ == "__main__":
    print(resource(), end="")
