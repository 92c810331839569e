import { basename, join } from 'node:path';
import { app, type Session } from 'electron';
import { APP_ORIGIN } from './security.ts';

/** Files come from the page alone. The operator says where each goes, unless a folder was named on the command line. */
export function handleDownloads(session: Session, folder: string | undefined): void {
  session.on('will-download', (event, item) => {
    if (!item.getURL().startsWith(`blob:${APP_ORIGIN}/`)) return event.preventDefault();
    const name = basename(item.getFilename());
    if (folder !== undefined) item.setSavePath(join(folder, name));
    else item.setSaveDialogOptions({ defaultPath: join(app.getPath('downloads'), name) });
  });
}
