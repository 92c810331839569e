import type { Resource, Scope } from '../span.ts';

interface FromSomewhere {
  readonly resource: Resource;
  readonly scope: Scope;
}

export interface OriginGroup<Record> {
  readonly resource: Resource;
  readonly scopes: readonly { readonly scope: Scope; readonly records: readonly Record[] }[];
}

/** Records by their resource and scope, as OTLP nests them. Equal objects are told by identity: decoders share them. */
export function groupByOrigin<Record extends FromSomewhere>(records: readonly Record[]): OriginGroup<Record>[] {
  const groups = new Map<Resource, Map<Scope, Record[]>>();
  for (const record of records) {
    const scopes = groups.get(record.resource) ?? new Map<Scope, Record[]>();
    groups.set(record.resource, scopes);
    const known = scopes.get(record.scope);
    if (known === undefined) scopes.set(record.scope, [record]);
    else known.push(record);
  }
  return [...groups].map(([resource, scopes]) => ({
    resource,
    scopes: [...scopes].map(([scope, group]) => ({ scope, records: group })),
  }));
}
