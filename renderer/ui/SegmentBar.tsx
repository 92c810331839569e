/** One part of a bar; `kind` names its colour and pattern in the style sheet. */
export interface Segment {
  readonly kind: string;
  readonly label: string;
  readonly value: number;
}

/** Shares of a whole as one patterned bar. The figures stand beside it in words, so it is hidden from readers. */
export function SegmentBar({ segments }: { segments: readonly Segment[] }) {
  const shown = segments.filter((segment) => segment.value > 0);
  return (
    <div className="segment-bar" aria-hidden="true">
      {shown.map((segment) => (
        <i
          key={segment.kind}
          className={`seg seg-${segment.kind}`}
          style={{ flexGrow: segment.value }}
          title={segment.label}
        />
      ))}
    </div>
  );
}
