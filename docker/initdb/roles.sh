#!/bin/sh
# Makes the two roles: the owner migrates, the other serves and owns nothing.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  -v owner_password="$MINGZHANG_OWNER_PASSWORD" -v app_password="$MINGZHANG_APP_PASSWORD" <<'SQL'
CREATE ROLE mingzhang_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE mingzhang_app LOGIN PASSWORD :'app_password';
CREATE DATABASE mingzhang OWNER mingzhang_owner;
REVOKE CONNECT ON DATABASE mingzhang FROM PUBLIC;
GRANT CONNECT ON DATABASE mingzhang TO mingzhang_app;
SQL
