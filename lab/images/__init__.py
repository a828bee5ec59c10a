"""Images of the lab's hosts, built from Debian's packages once and kept until a recipe changes."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from lab.podman import as_root, listing, podman
from lab.settings import CACHE, LabError

HERE = Path(__file__).resolve().parent
REPOSITORY = "localhost/rampart-lab"
LABEL = "rampart.lab.image"

# Platform: the Debian release it is made of.
SUITES = {"debian12": "bookworm", "debian13": "trixie"}
# Platform: (the platform it is built on, its recipe).
DERIVED = {"attacker": ("debian12", HERE / "Containerfile.attacker")}
PLATFORMS = (*SUITES, *DERIVED)


def recipe_hash() -> str:
    """Short hash over every file an image is made from: a changed recipe is a new image."""
    digest = hashlib.sha256()
    for path in sorted(HERE.rglob("*")):
        if path.is_file() and path.name != "__init__.py" and path.suffix != ".pyc":
            digest.update(path.relative_to(HERE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def reference(platform: str) -> str:
    """Name of the image of a platform as its recipe is now.

    Raises LabError for a platform that the lab does not have.
    """
    if platform not in PLATFORMS:
        raise LabError(f"no platform {platform!r} in the lab; there are {', '.join(PLATFORMS)}")
    return f"{REPOSITORY}:{platform}-{recipe_hash()}"


def ensure(platform: str) -> str:
    """Build the image of a platform unless it exists; return its name."""
    name = reference(platform)
    if podman("image", "exists", name, check=False).returncode == 0:
        return name
    if platform in DERIVED:
        base, recipe = DERIVED[platform]
        base_name = ensure(base)
        print(f"lab: building image {platform} (on {base})", flush=True)
        podman("build", "--quiet", f"--build-arg=BASE={base_name}", f"--label={LABEL}={platform}", "--network=host",
               "--tag", name, "--file", str(recipe), str(HERE))  # fmt: skip
        return name
    print(f"lab: building image {platform} from Debian's packages (half a minute)", flush=True)
    CACHE.mkdir(exist_ok=True)
    archive = CACHE / f"{platform}.tar"
    built = subprocess.run(
        [*as_root(), str(HERE / "build.sh"), SUITES[platform], str(archive)], capture_output=True, check=False
    )
    if built.returncode:
        raise LabError(f"image {platform} could not be built:\n{built.stderr.decode(errors='replace').strip()}")
    try:
        podman("import", "--quiet", "--change", 'CMD ["/usr/local/sbin/lab-init"]', "--change", "STOPSIGNAL SIGRTMIN+3",
               "--change", f"LABEL {LABEL}={platform}", str(archive), name)  # fmt: skip
    finally:
        subprocess.run([*as_root(), "rm", "-f", str(archive)], check=False)
    return name


def remove_unused() -> None:
    """Remove every image of the lab, of old recipes too, but those that another lab's hosts are made of."""
    names = sorted({image["Id"] for image in listing("images", "--all", "--filter", f"label={LABEL}")})
    # Twice: an image that another one is built on goes after that one.
    for name in names * 2:
        podman("rmi", name, check=False)
