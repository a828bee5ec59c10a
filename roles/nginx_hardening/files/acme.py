"""Have certbot obtain what is missing: acme.py '{"webroot":, "live":, "server":, "email":, "sites": {name: [names]}}'.

Prints one line for each certificate that was obtained. With "plan" as second word it only says which would be.
"""

import json
import pathlib
import re
import subprocess
import sys

order, plan = json.loads(sys.argv[1]), sys.argv[2:] == ["plan"]


def names(certificate):
    """The DNS names of a certificate file, as a set; None if there is none."""
    if not certificate.exists():
        return None
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-ext", "subjectAltName"]
    return set(re.findall(r"DNS:([^,\s]+)", subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def server(site):
    """The directory of the authority that gave the certificate, as certbot has noted it."""
    noted = pathlib.Path(order["live"]).parent / "renewal" / f"{site}.conf"
    found = re.search(r"(?m)^server = (\S+)", noted.read_text()) if noted.exists() else None
    return found.group(1) if found else None


for site, wanted in sorted(order["sites"].items()):
    present = names(pathlib.Path(order["live"]) / site / "fullchain.pem")
    if present == set(wanted) and order["server"] in ("", server(site)):
        continue
    if not plan:
        pathlib.Path(order["webroot"]).mkdir(mode=0o755, parents=True, exist_ok=True)
        command = ["certbot", "certonly", "--non-interactive", "--agree-tos", "--webroot"]
        command += ["--webroot-path", order["webroot"], "--cert-name", site, "--key-type", "ecdsa", "--force-renewal"]
        command += ["--renew-with-new-domains"]
        command += ["--email", order["email"]] if order["email"] else ["--register-unsafely-without-email"]
        command += ["--server", order["server"]] if order["server"] else []
        command += [word for name in wanted for word in ("--domain", name)]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f"{site}: no certificate for {', '.join(wanted)}; the site answers by HTTP alone. {done.stdout}")
    print(f"{'would obtain' if plan else 'obtained'} {site}: {', '.join(wanted)}")
