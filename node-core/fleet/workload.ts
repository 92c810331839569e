import type { GroupName } from './roster.ts';

/** A piece of an agent's own work: recorded as a span, lasting between `minMs` and `maxMs`. */
export interface WorkStep {
  readonly name: string;
  readonly minMs: number;
  readonly maxMs: number;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Share of runs in which the step fails, 0 to 1, and the words of the failure. */
  readonly fails?: { readonly share: number; readonly message: string };
}

/** A question to whichever member of a group offers the capability. */
export interface AskStep {
  readonly ask: { readonly group: GroupName; readonly capability: string; readonly question: string };
}

export type Step = WorkStep | AskStep;

/** What an agent starts by itself, again and again. */
export interface Errand {
  readonly title: string;
  readonly steps: readonly Step[];
}

const model = (name: string, minMs: number, maxMs: number): WorkStep => ({
  name,
  minMs,
  maxMs,
  attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'local-8b' },
});
const work = (name: string, minMs: number, maxMs: number, fails?: WorkStep['fails']): WorkStep => ({
  name,
  minMs,
  maxMs,
  ...(fails === undefined ? {} : { fails }),
});
const queue = (minMs: number, maxMs: number): WorkStep => ({
  name: 'wait for a free worker',
  minMs,
  maxMs,
  attributes: { 'pilot.work.kind': 'queue' },
});
const ask = (group: GroupName, capability: string, question: string): AskStep => ({
  ask: { group, capability, question },
});

/** How a member answers a question for its capability. An unlisted capability answers after a short look-up. */
const ANSWERS: Readonly<Record<string, readonly Step[]>> = {
  filings: [queue(2, 30), model('chat pick forms', 40, 120), work('GET full-text index', 30, 140)],
  certificates: [
    work('query shard 1', 15, 60),
    work('query shard 2', 15, 80),
    work('query shard 3', 20, 90, { share: 0.04, message: 'shard 3 did not answer in time' }),
  ],
  summaries: [model('chat write answer', 90, 320)],
  fares: [work('read fare table', 10, 40), ask('finance', 'fx', 'EUR to USD at booking time')],
  fx: [work('read rate', 2, 12)],
  papers: [work('search index', 20, 120), work('rank', 10, 400)],
  hotels: [work('read availability', 20, 90), work('price rooms', 10, 60)],
};
const PLAIN_ANSWER: readonly Step[] = [work('look up', 5, 40)];

export function answerSteps(capability: string): readonly Step[] {
  return ANSWERS[capability] ?? PLAIN_ANSWER;
}

const FILING = ask('finance', 'filings', 'SEC 10-K filings due in the next 30 days');
const CERTIFICATE = ask('security', 'certificates', 'Certificate records for harborline.example');
const SUMMARY = ask('research', 'summaries', 'Write the answer from these records');

/** Who starts what. The three agents behind symmetric NATs ask each other too, so that relayed paths carry traffic. */
const ERRANDS: Readonly<Record<string, readonly Errand[]>> = {
  'desk-1': [
    {
      title: 'Issuers with a 10-K due whose certificate ends in 30 days',
      steps: [model('chat plan', 60, 170), FILING, CERTIFICATE, SUMMARY],
    },
    {
      title: 'Certificates like harborline.example, issued this week',
      steps: [model('chat plan', 30, 80), CERTIFICATE],
    },
  ],
  'desk-2': [
    { title: 'SEC 10-K filings for issuer 0000884213', steps: [model('chat plan', 30, 90), FILING] },
    {
      title: 'Papers on relay fairness, summarised',
      steps: [ask('research', 'papers', 'Papers on relay fairness since 2024'), SUMMARY],
    },
  ],
  'trip-plan': [
    {
      title: 'Fare change LIS to BER against FX at booking',
      steps: [
        ask('travel', 'fares', 'Fares LIS to BER, next 14 days'),
        ask('travel', 'hotels', 'Rooms in BER for 2 nights'),
      ],
    },
  ],
  'risk-3': [{ title: 'Exposure to issuers with late filings', steps: [FILING, work('score exposure', 20, 80)] }],
  'fare-watch': [{ title: 'Carrier filings behind a fare change', steps: [FILING, SUMMARY] }],
  'filings-2': [
    {
      title: 'Short form of a new 10-K',
      steps: [SUMMARY, ask('travel', 'fares', 'Fares of the issuer, last quarter')],
    },
  ],
  'summarise-3': [
    { title: 'Sources for a weekly digest', steps: [FILING, ask('travel', 'fares', 'Fares mentioned in the digest')] },
  ],
};

export function errandsOf(hostname: string): readonly Errand[] {
  return ERRANDS[hostname] ?? [];
}
