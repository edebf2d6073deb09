#!/usr/bin/env bash
# Makes the three secrets of docker-compose.yml in ./secrets, once: what is there stays.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v docker >/dev/null || { echo "secrets: docker with its compose plugin is needed for this; without containers use make run, or countersign serve" >&2; exit 1; }
mkdir -p secrets
chmod 700 secrets # the files in it are read by the users inside the containers, so the folder is what keeps others out
if [ ! -s secrets/postgres_password ]; then
	head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >secrets/postgres_password
	rm -f secrets/database_url
fi
if [ ! -s secrets/database_url ]; then
	printf 'postgres://countersign:%s@postgres:5432/countersign?sslmode=disable' "$(cat secrets/postgres_password)" >secrets/database_url
fi
if [ ! -s secrets/keyset.json ]; then
	echo "secrets: building the image to make the keyset with it …"
	docker run --rm -u "$(id -u):$(id -g)" -v "$PWD/secrets:/secrets" "$(docker build -q .)" keys init --keyset /secrets/keyset.json
	echo "secrets: keep a copy of secrets/keyset.json: without it nobody can open what the database holds"
fi
chmod 644 secrets/*
