import type { ReactNode } from 'react';

/** A titled part of the inspector; `figure` stands at the title's right. */
export function Section({ title, figure, children }: { title: string; figure?: ReactNode; children: ReactNode }) {
  return (
    <section className="inspector-section">
      <h3>
        {title}
        {figure !== undefined && (
          <>
            <span className="spring" />
            <span className="section-figure">{figure}</span>
          </>
        )}
      </h3>
      {children}
    </section>
  );
}

/** Named facts, one a row. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="facts">{children}</dl>;
}

/** One row of `Facts`. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The acts on what is shown; they stay in sight. */
export function Acts({ children }: { children: ReactNode }) {
  return <footer className="inspector-acts">{children}</footer>;
}
