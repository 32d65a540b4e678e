-- TLS between the client on the legacy host and MySQL; NULL leaves it to the two.
ALTER TABLE legacy_servers
  ADD COLUMN mysql_tls text CHECK (mysql_tls ~ '^(off|required|ca:/[A-Za-z0-9_./-]{1,200})$');
