import { formatSafeText } from '../format/safe-text.ts';

/** A name that came from elsewhere, kept from turning the text around it and shown with its hidden characters. */
export function Name({ text, className }: { text: string; className?: string }) {
  const safe = formatSafeText(text);
  return (
    <bdi className={className === undefined ? 'name' : `name ${className}`} title={safe}>
      {safe}
    </bdi>
  );
}
