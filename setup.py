"""What pyproject.toml cannot say: found packages together with two data folders that lie beside the package."""

from setuptools import find_packages, setup

FOLDERS = ("grammar", "rules")

setup(
    packages=[*find_packages(include=["netpolicy", "netpolicy.*"]), *(f"netpolicy.{folder}" for folder in FOLDERS)],
    package_dir={f"netpolicy.{folder}": folder for folder in FOLDERS},
)
