#!/bin/sh
# Writes twenty.json anew, the inventory in twenty/ as `ansible-inventory --list` prints it (made with ansible-core 2.19).
set -eu
cd "$(dirname "$0")/twenty"
LC_ALL=C.UTF-8 ansible-inventory --list > ../twenty.json
