"""What a browser and a machine see of a site with TLS: site.py TARGET CERTIFICATE_FILE PROFILE.

Exits with the list of what is otherwise than it must be.
"""

import http.client
import socket
import ssl
import subprocess
import sys

target, certificate, profile = sys.argv[1:]
wrong = []


def expect(what, got, wanted):
    if got != wanted:
        wrong.append(f"{what}: expected {wanted!r}, got {got!r}")


def ask(path, host="shop.example", sni="shop.example", tls=True):
    """Status and headers of one answer; status 0 when there is none."""
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.sock = socket.create_connection((target, 443 if tls else 80), timeout=10)
        if tls:
            trust = ssl.create_default_context(cafile=certificate)
            trust.check_hostname = sni == "shop.example"
            connection.sock = trust.wrap_socket(connection.sock, server_hostname=sni)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.getheaders()
    except (ssl.SSLError, ConnectionResetError):
        return 0, {}, []
    finally:
        connection.close()


def handshake(*options):
    """What openssl says to an attempt to connect."""
    command = ["openssl", "s_client", "-connect", f"{target}:443", "-servername", "shop.example", *options]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


# --- headers, whatever the status, also where a location has some of its own

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "camera=(), microphone=()",
    "strict-transport-security": "max-age=63072000",
}
for path, status in ("/", 200), ("/api/x", 200), ("/none/", 404), ("/x.php", 403), ("/own/", 200):
    got, headers, every = ask(path)
    expect(f"status of {path}", got, status)
    wanted = {**HEADERS, "x-own": "a; {b}", "referrer-policy": "no-referrer"} if path == "/own/" else HEADERS
    for name, value in wanted.items():
        expect(f"{name} at {path}", headers.get(name), value)
        expect(f"times of {name} at {path}", sum(name == other.lower() for other, _value in every), 1)
    expect(f"server at {path}", headers.get("server"), "nginx")

# --- plain HTTP sends on, but not what is refused; HSTS is nothing for it

status, headers, _every = ask("/deep?x=1", tls=False)
expect("redirect", (status, headers.get("location")), (301, "https://shop.example/deep?x=1"))
expect("HSTS by plain HTTP", headers.get("strict-transport-security"), None)
expect("a probe by plain HTTP", ask("/x.php", tls=False)[0], 403)

# --- other names

expect("handshake for an unknown name", ask("/", host="elsewhere.example", sni="elsewhere.example")[0], 0)
expect("handshake without a name", ask("/", sni=None)[0], 0)
expect("unknown name on the site's connection", ask("/", host="elsewhere.example")[0], 421)

# --- protocols

expect("TLS 1.1", "protocol version" in handshake("-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"), True)
if profile == "modern":
    expect("TLS 1.2", "protocol version" in handshake("-tls1_2"), True)
else:
    expect("TLS 1.2", "Cipher is ECDHE-" in handshake("-tls1_2"), True)
    expect("no forward secrecy", "handshake failure" in handshake("-tls1_2", "-cipher", "AES128-GCM-SHA256"), True)
expect("TLS 1.3", "TLSv1.3, Cipher is TLS_" in handshake("-tls1_3"), True)
expect("tickets", "New Session Ticket arrived" in handshake("-tls1_2"), False)
command = ["curl", "-so", "/dev/null", "--cacert", certificate, "--connect-to", f"::{target}", "https://shop.example/"]
version = subprocess.run([*command, "-w", "%{http_version}"], capture_output=True, text=True, check=False).stdout
expect("HTTP version", version, "2")

# --- limits: one, and one in the burst; what is not in the zone is free

statuses = [ask("/login")[0] for _ in range(4)]
expect("statuses of a dry run", [ask("/login", host="secure.example", tls=False)[0] for _ in range(4)], [200] * 4)
expect("statuses at /login", sorted(statuses)[-2:], [429, 429])
expect("headers of a 429", {name: ask("/login")[1].get(name) for name in HEADERS}, HEADERS)
expect("statuses elsewhere", [ask("/")[0] for _ in range(4)], [200] * 4)

if wrong:
    sys.exit("\n".join(wrong))
