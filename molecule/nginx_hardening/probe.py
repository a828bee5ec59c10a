"""Requests as no well-behaved client sends them, over bare sockets: probe.py TARGET SITE...

Exits with the list of requests that were answered otherwise than they must be.
"""

import socket
import sys

REFUSED = """
/x.php /x.PHP /x.Php5 /a.php/b /a.php/ /index.php?page=1 /x.php;a=b /x.phtml /x.phar /x.php7 /deep/er/x.php
/%70hpinfo.php /x.ph%70 /x%2ephp /x.php%20 /x.php%2f /x.php. /x%2Ephp%00.html //x.php /./x.php /a/../x.php
/public /public/ /public/index.html /PUBLIC/ /Public/x /%70ublic/ /%70%75blic /public%2fx //public ///public//x
/./public /a/../public/x /public/../public/x /public?x=1 /public;x
/.env /.env.local /.git/config /%2egit/HEAD /.GIT/config /a/.svn/entries /.aws/credentials /.DS_Store
/.well-known/../.env
/.htpasswd /.well-known/.git/config /a/.hidden/b
/index.html.bak /settings.py~ /backup.zip /db.sql /db.sql.gz /dump.tar.gz /www.zip /wp-config.txt /app.ini /site.conf
/x.swp /id_rsa /CVS/Entries /docker-compose.yml
/cgi-bin/ /cgi-bin/test /CGI-BIN/x /%63gi-bin/luci /setup.cgi
/wp-admin/ /wp-login /wp-content/x /blog/wp-includes/y /phpMyAdmin/ /pma/ /adminer /vendor/phpunit/phpunit
/actuator/env /actuator /server-status /solr/admin /manager/html /HNAP1 /HNAP1/ /boaform/admin/formLogin /GponForm/diag
""".split()
SERVED = """
/ /?file=x.php /docs/php-guide /php /php/ /x.php.html /x.php-guide /.well-known/acme-challenge/x.y-z_0
/.well-known/security.txt /republic /republic/ /publications/7 /public-transport /public.html /a/public/x /api/public
/static/app.css /static/app.9f8.js /images/logo.png /files/report.pdf /downloads/app-1.2.tar.gz /blog/wp-admin-guide /wp
/index.txt /data.tsv /web.ttf
/docs/cgi-bin-history /managers/html /actuators /solaris /login /admin/ /users/%7Ejohn /%EC%95%88%EB%85%95 /a%20b
""".split()


def status(target, host, line):
    request = f"{line}\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with socket.create_connection((target, 80), timeout=10) as connection:
        connection.sendall(request.encode())
        try:
            answer = connection.recv(4096)
        except ConnectionResetError:
            answer = b""
    return int(answer.split()[1]) if answer else None


def main():
    target, sites = sys.argv[1], sys.argv[2:]
    wrong = []

    def expect(host, line, *statuses):
        got = status(target, host, line)
        if got not in statuses:
            wrong.append(f"{host}: {line}: {got}")

    for host in sites:
        for path in REFUSED:
            # nginx itself refuses a null byte, as a bad request.
            expect(host, f"GET {path} HTTP/1.1", 400 if "%00" in path else 403)
        for path in SERVED:
            expect(host, f"GET {path} HTTP/1.1", 200)
        for method in "POST", "PUT", "HEAD", "OPTIONS", "PROPFIND":
            expect(host, f"{method} /x.php HTTP/1.1", 403)
        expect(host, f"GET http://{host}/public/ HTTP/1.1", 403)
        expect(host, "GET http://elsewhere.example/.env HTTP/1.1", None)
        expect(host, "GET /.env HTTP/1.0", 403)
    # A name that no site has, and none at all: not a byte.
    for host in "elsewhere.example", "localhost", "127.0.0.1":
        expect(host, "GET / HTTP/1.1", None)
        expect(host, "GET /x.php HTTP/1.1", None)
    if wrong:
        sys.exit("\n".join(wrong))


main()
