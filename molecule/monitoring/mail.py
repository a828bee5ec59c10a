"""In place of a mail server: mail.py HOST PORT CERTIFICATE KEY LOGIN FILE

Takes mail by STARTTLS from who gives LOGIN (user:password), and appends it to FILE.
"""

from __future__ import annotations

import base64
import socketserver
import ssl
import sys
from pathlib import Path

HOST, PORT, CERTIFICATE, KEY, LOGIN, FILE = sys.argv[1:]
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
TLS.load_cert_chain(CERTIFICATE, KEY)


class Mail(socketserver.StreamRequestHandler):
    secure = known = False

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
        self.wfile.flush()

    def handle(self) -> None:
        self.say("220 lab")
        while (line := self.rfile.readline().decode().strip()) and line.upper() != "QUIT":
            self.answer(line)
        self.say("221 bye")

    def answer(self, line: str) -> None:
        verb = line.split(":")[0].upper()
        if verb.startswith("EHLO"):
            self.say("250-lab", "250 AUTH PLAIN" if self.secure else "250 STARTTLS")
        elif verb == "STARTTLS":
            self.say("220 go ahead")
            self.request = TLS.wrap_socket(self.request, server_side=True)
            self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb")
            self.secure = True
        elif verb.startswith("AUTH PLAIN "):
            given = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
            self.known = self.secure and given == LOGIN.split(":")
            self.say("235 welcome" if self.known else "535 who are you?")
        elif not self.known:
            self.say("530 who are you?")
        elif verb == "DATA":
            self.say("354 go ahead")
            with Path(FILE).open("ab") as file:
                while (text := self.rfile.readline()) not in (b".\r\n", b""):
                    file.write(text)
            self.say("250 taken")
        else:
            self.say("250 ok")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


Server((HOST, int(PORT)), Mail).serve_forever()
