-- One file holds what arrived on one UTC day. `otlp` is the record exactly as it was sent, as OTLP JSON; the other columns
-- are for finding it. Times are nanoseconds since 1970; durations are signed, since an end may lie before its start.
CREATE TABLE spans (
  identity VARCHAR NOT NULL,
  trace_id VARCHAR NOT NULL,
  span_id VARCHAR NOT NULL,
  parent_span_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  title VARCHAR NOT NULL,
  service VARCHAR NOT NULL,
  node_id UINTEGER,
  group_id UINTEGER,
  flow_id VARCHAR,
  start_ns UBIGINT NOT NULL,
  end_ns UBIGINT NOT NULL,
  duration_ns BIGINT NOT NULL,
  failed BOOLEAN NOT NULL,
  arrived_ns UBIGINT NOT NULL,
  exporter_node UINTEGER,
  exporter_address VARCHAR,
  exporter_key VARCHAR,
  otlp VARCHAR NOT NULL
);
CREATE TABLE logs (
  arrived_ns UBIGINT NOT NULL,
  time_ns UBIGINT NOT NULL,
  event_name VARCHAR NOT NULL,
  severity UTINYINT NOT NULL,
  service VARCHAR NOT NULL,
  exporter_node UINTEGER,
  record VARCHAR NOT NULL
);
CREATE TABLE flow_joins (
  flow_id VARCHAR NOT NULL,
  kind VARCHAR NOT NULL,
  dialler_trace_id VARCHAR NOT NULL,
  dialler_span_id VARCHAR NOT NULL,
  acceptor_trace_id VARCHAR NOT NULL,
  acceptor_span_id VARCHAR NOT NULL
);
