#!/bin/sh
# Writes the .json files anew: each inventory here as `ansible-inventory --list` prints it (made with ansible-core 2.19).
set -eu
cd "$(dirname "$0")"
export LC_ALL=C.UTF-8
(cd twenty && ansible-inventory --list) > twenty.json
(cd small && ansible-inventory -i hosts.ini --list) > small.json
