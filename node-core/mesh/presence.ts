/** What decides whether a node is drawn. */
export interface PresenceEvidence {
  /** Listed by the registry, heard by this node, or proven by its own tunnel: the word of others is not enough. */
  readonly known: boolean;
  readonly listed: boolean;
  /** Its last sign of life that this node has itself, in Unix milliseconds. */
  readonly lastHeard: number | undefined;
}

interface Record {
  readonly firstSeen: number;
  everListed: boolean;
  /** When it left; kept after it went out of the picture, until something new is heard of it. */
  leftAt: number | undefined;
}

/** A node the registry no longer lists, and that is quiet for this long, has left. */
const UNLISTED_QUIET_MS = 10_000;
/** A node that no registry lists has left when nothing was heard of it for this long. */
const SILENT_FOR_GOOD_MS = 5 * 60_000;
/** How long a node that left is still drawn. */
const FAREWELL_MS = 30_000;

/** Who is drawn: everyone that is known, less those who left more than a farewell ago. */
export class Presence {
  readonly #records = new Map<number, Record>();

  /** When the node left; undefined while it is there. */
  leftAt(nodeId: number): number | undefined {
    return this.#records.get(nodeId)?.leftAt;
  }

  /** Judges anew whether a node is drawn. Nothing is kept of a node that was never known. */
  judge(nodeId: number, evidence: PresenceEvidence, now: number): boolean {
    const known = this.#records.get(nodeId);
    if (known === undefined && !evidence.known) return false;
    const record = known ?? { firstSeen: now, everListed: false, leftAt: undefined };
    this.#records.set(nodeId, record);
    if (evidence.listed) record.everListed = true;
    const leaves = leavesAt(record, evidence);
    record.leftAt = leaves === undefined || now < leaves ? undefined : (record.leftAt ?? now);
    const drawn = record.leftAt === undefined || now - record.leftAt <= FAREWELL_MS;
    if (!drawn && !evidence.known) this.#records.delete(nodeId);
    return drawn;
  }

  /** When the judgement may change by time alone; undefined for never. */
  changesAt(nodeId: number, evidence: PresenceEvidence): number | undefined {
    const record = this.#records.get(nodeId);
    if (record === undefined) return undefined;
    return record.leftAt === undefined ? leavesAt(record, evidence) : record.leftAt + FAREWELL_MS + 1;
  }

  forget(nodeId: number): void {
    this.#records.delete(nodeId);
  }
}

function leavesAt({ firstSeen, everListed }: Record, { listed, lastHeard }: PresenceEvidence): number | undefined {
  if (listed) return undefined;
  return (lastHeard ?? firstSeen) + (everListed ? UNLISTED_QUIET_MS : SILENT_FOR_GOOD_MS) + 1;
}
