import { create } from 'zustand';

/** Which element of the graph the keyboard stands on, by element key; one in the whole graph can be tabbed to. */
export const useCursor = create<{ readonly key: string | undefined }>()(() => ({ key: undefined }));

export const setCursor = (key: string): void => useCursor.setState({ key });

/** The id of an element's focusable part in the page. */
export const domIdOf = (key: string): string => `graph-${key}`;
