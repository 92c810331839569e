import { z } from 'zod';

// The content policy forbids eval; zod decides when a schema is made, so this module has to be imported first of all.
z.config({ jitless: true });
