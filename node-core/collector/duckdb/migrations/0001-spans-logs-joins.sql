-- One file holds what arrived on one UTC day. What was sent is kept whole: `resource`, `scope`, `record` and what a span has
-- beside its columns (`rest`) are OTLP JSON. Times are nanoseconds since 1970; durations are signed, since an end may lie
-- before its start, and NULL while there is no end. `title` is what the span says it was for, NULL when it says nothing.
CREATE TABLE spans (
  trace_id VARCHAR NOT NULL,
  span_id VARCHAR NOT NULL,
  parent_span_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  title VARCHAR,
  kind INTEGER NOT NULL,
  service VARCHAR NOT NULL,
  node_id UINTEGER,
  group_id UINTEGER,
  flow_id VARCHAR,
  dial_id VARCHAR,
  flow_role VARCHAR,
  start_ns UBIGINT NOT NULL,
  end_ns UBIGINT NOT NULL,
  duration_ns BIGINT,
  failed BOOLEAN NOT NULL,
  arrived_ns UBIGINT NOT NULL,
  exporter_node UINTEGER,
  exporter_address VARCHAR,
  exporter_key VARCHAR,
  resource_key VARCHAR NOT NULL,
  resource VARCHAR NOT NULL,
  scope VARCHAR NOT NULL,
  rest VARCHAR NOT NULL
);
CREATE TABLE logs (
  arrived_ns UBIGINT NOT NULL,
  time_ns UBIGINT NOT NULL,
  event_name VARCHAR NOT NULL,
  severity INTEGER NOT NULL,
  trace_id VARCHAR NOT NULL,
  exporter_node UINTEGER,
  exporter_address VARCHAR,
  exporter_key VARCHAR,
  resource VARCHAR NOT NULL,
  scope VARCHAR NOT NULL,
  record VARCHAR NOT NULL
);
-- A join of two ends of a flow. Raw ids are never rewritten.
CREATE TABLE flow_joins (
  found_ns UBIGINT NOT NULL,
  flow_id VARCHAR NOT NULL,
  kind VARCHAR NOT NULL,
  dialler_trace_id VARCHAR NOT NULL,
  dialler_span_id VARCHAR NOT NULL,
  acceptor_trace_id VARCHAR NOT NULL,
  acceptor_span_id VARCHAR NOT NULL
);
-- What the joins make of raw traces: the trace each is part of. The last word holds.
CREATE TABLE trace_families (
  found_ns UBIGINT NOT NULL,
  trace_id VARCHAR NOT NULL,
  root_trace_id VARCHAR NOT NULL
);
