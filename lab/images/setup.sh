#!/bin/sh
# Runs inside the new system: what a cloud image's first boot would have done.
set -eu
useradd --create-home --shell /bin/bash admin
echo 'admin ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/90-cloud-init-users
chmod 0440 /etc/sudoers.d/90-cloud-init-users
install -d -m 0700 -o admin -g admin /home/admin/.ssh
echo 'PasswordAuthentication no' > /etc/ssh/sshd_config.d/50-cloud-init.conf
# Every host gets keys of its own when it is made.
rm -f /etc/ssh/ssh_host_*
install -d /etc/systemd/system/ssh.service.d
cat > /etc/systemd/system/ssh.service.d/hostkeys.conf <<'END'
[Service]
ExecStartPre=
ExecStartPre=/usr/bin/ssh-keygen -A
ExecStartPre=/usr/sbin/sshd -t
END
chmod 0755 /usr/local/sbin/lab-init /usr/local/lib/app.py
# Nothing here has a console, a time source of its own or disks.
systemctl mask --quiet console-getty.service getty@.service systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer
# An Ansible run sees the first boot, not an image's half-configured one.
: > /etc/machine-id
