import type { ReactNode } from "react";

export type Tab = { name: string; href: string; label: string; count?: number };

/** Links to the parts of a page; the one that is shown is marked. */
export function Tabs({ label, tabs, shown }: { label: string; tabs: readonly Tab[]; shown: string }): ReactNode {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(({ name, href, label: words, count }) => (
        <a key={name} href={href} aria-current={name === shown ? "true" : undefined}>
          {words}
          {count ? <span className="count">{count}</span> : null}
        </a>
      ))}
    </nav>
  );
}
