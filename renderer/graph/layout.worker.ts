import { type LayoutRequest, layOut } from './layout.ts';

// Positions are found off the main thread: a fleet of thousands may take longer than a frame.
self.addEventListener('message', (event: MessageEvent<{ id: number; request: LayoutRequest }>) => {
  self.postMessage({ id: event.data.id, result: layOut(event.data.request) });
});
