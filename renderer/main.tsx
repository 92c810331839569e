import './client/no-eval.ts';
import '@xyflow/react/dist/base.css';
import './ui/tokens.css';
import './ui/fonts.css';
import './ui/base.css';
import './frame/frame.css';
import './frame/inspector.css';
import './graph/graph.css';
import './traces/traces.css';
import './groups/groups.css';
import './log/log.css';
import { createRoot } from 'react-dom/client';
import { App } from './App.tsx';
import { startDeck } from './client/deck.ts';

const root = document.getElementById('root');
if (root === null) throw new Error('The page has no root element');
createRoot(root).render(<App />);
startDeck();
