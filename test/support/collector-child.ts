import { startCollector } from '../../node-core/collector-thread/start-collector.ts';

/** A process of its own with a collector in it, to be killed. Prints where it takes OTLP. */
const folder = process.argv[2] ?? '';
const say = (text: string) => console.error(text);
const events = { onReports() {}, onFigures() {}, onClocks() {}, onProblem: say, onTrouble: say };
const options = { folder, listen: [{ host: '127.0.0.1', port: 0 }] };
void startCollector(options, events).then(({ otlpHttp }) => console.log(otlpHttp));
