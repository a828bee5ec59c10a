"""Ask an exporter whether it does what it shall: probe.py trial|live JSON

"live" asks the one that runs. "trial" starts another beside it, on loopback and with the same arguments, as the same
user: so a configuration is known to work, or not, before the running exporter has seen it.
"""

import json
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SECONDS = 50


def metrics(address, tls, probe):
    """What the exporter at address measures; None if it rightly keeps that from us. OSError if it does not answer."""
    # Whom the certificate is for is for Prometheus to judge.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(f"{'https' if tls else 'http'}://{address}/metrics", timeout=5) as reply:
            text = reply.read().decode()
    except urllib.error.HTTPError as error:
        if error.code == 401 and probe["users"]:
            return None
        raise
    except (urllib.error.URLError, ssl.SSLError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        if probe["client_certificate"] and tls and isinstance(reason, (ssl.SSLError, ConnectionResetError)):
            return None
        raise
    return text.splitlines()


def judge(lines, probe):
    """Fail if a collector that was asked for has found nothing."""
    wanted = probe["collectors"]
    failed = [name for name in wanted if f'node_scrape_collector_success{{collector="{name}"}} 1' not in lines]
    if failed:
        sys.exit(f"these collectors find nothing on this host: {', '.join(failed)}")


def trial(probe, with_web_configuration):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    args = [arg for arg in probe["args"] if not arg.startswith("--web.listen-address=")]
    if not with_web_configuration:
        args = [arg for arg in args if not arg.startswith("--web.config.file=")]
    user = probe["user"]
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", probe["program"], *args]
    with tempfile.TemporaryFile() as log:
        exporter = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + SECONDS
            while True:
                try:
                    return metrics(address, probe["tls"] and with_web_configuration, probe)
                except OSError as error:
                    if exporter.poll() is not None or time.monotonic() > deadline:
                        log.seek(0)
                        said = log.read().decode(errors="replace").strip().splitlines()[-3:]
                        sys.exit("\n".join(said) or f"it does not answer: {error}")
                    time.sleep(0.1)
        finally:
            exporter.kill()
            exporter.wait()


def main():
    what, probe = sys.argv[1], json.loads(sys.argv[2])
    if what == "live":
        try:
            found = metrics(probe["address"], probe["tls"], probe)
        except OSError as error:
            sys.exit(f"it does not answer at {probe['address']}: {error}")
        if found is not None:
            judge(found, probe)
        return
    found = trial(probe, True)
    # Whose password is not known to us is asked once more without one.
    judge(trial(probe, False) if found is None else found, probe)


main()
