/** A page: who answers, the ways in, the apps on it; and before anything is saved, what that does. */
import { useDebouncedValue } from "@mantine/hooks";
import { Link, Navigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { useConsequences, useSettings } from "../../api/settings";
import { Empty, Loading, Problem, SURFACES, SurfaceIcon } from "../../parts/basic";
import { Judged, screen } from "../../parts/screen";
import { useAround } from "../shell";
import { AdPreview } from "./ad-editor";
import { Ads, chosenAd } from "./ads";
import { BeforeYouSave } from "./before-save";
import { type Draft, DraftContext, keepDraft, useKeptDraft } from "./draft";
import { Links } from "./links";
import css from "./pages.module.css";
import { RoutingTab } from "./routing";
import { Tokens } from "./tokens";
import { Warnings, warningsOf } from "./warnings";
import { WhatIf } from "./what-if";

const TABS = [
  { name: "routing", words: "Routing" },
  { name: "ads", words: "Ads" },
  { name: "links", words: "Links" },
  { name: "tokens", words: "Tokens" },
  { name: "warnings", words: "Warnings" },
] as const;

/** Without a page in the address: the one that is looked at. */
export function FirstPage() {
  const { page } = useAround();
  if (page === "")
    return (
      <Empty title="No page runs here yet">
        <p>
          Describe one in a file, then <code>baton apply -f routing.toml</code>
        </p>
      </Empty>
    );
  return <Navigate to="/pages/$page/$tab" params={{ page, tab: "routing" }} search={{ page }} replace />;
}

export function Pages({ address, tab, ad }: { address: string; tab: string; ad: string | null }) {
  const { apps, me } = useAround();
  const { data: settings, error, refetch } = useSettings();
  const place = apps.place(address);
  const saved = settings?.data.pages.find((page) => page.id === place?.page.id);
  const edited = useKeptDraft(saved?.id ?? "");
  const page = edited ?? saved;
  const changed = JSON.stringify(page) !== JSON.stringify(saved);
  const [settled] = useDebouncedValue(page, 400);
  const consequences = useConsequences(settled, changed);
  const draft = useMemo<Draft | null>(() => {
    if (!saved || !page || !place) return null;
    return {
      saved,
      page,
      on: place.on,
      changed,
      consequences,
      settled: settled ?? page,
      change: (page) => keepDraft(saved.id, page),
      discard: () => keepDraft(saved.id, null),
      mayChange: me.role === "operator",
    };
  }, [saved, page, settled, place, changed, consequences, me.role]);
  if (error && !settings) return <Problem error={error} again={() => void refetch()} />;
  if (settings && !draft)
    return (
      <Empty title="There is no such page">
        <p>Choose one above.</p>
      </Empty>
    );
  if (!settings || !draft) return <Loading what="The page is loading" />;
  const sides = apps.places.filter((one) => one.page.id === draft.saved.id);
  const warnings = warningsOf(settings.data, draft.saved.id);
  const shownAd = tab === "ads" ? chosenAd(draft.page, draft.on, ad) : undefined;
  const counts: Record<string, number> = {
    ads: draft.page.ads.filter((one) => one.on === draft.on).length,
    links: draft.page.links.filter((one) => one.on === draft.on).length,
    warnings: warnings.length,
  };
  return (
    <DraftContext.Provider value={draft}>
      <div className={css.screen}>
        <div className={css.head}>
          <nav className={css.on} aria-label="Platform">
            {sides.map((side) => (
              <Link
                key={side.address}
                to="/pages/$page/$tab"
                params={{ page: side.address, tab }}
                search={{ page: draft.saved.id }}
                activeOptions={{ includeSearch: false }}
                aria-current={side.on === draft.on ? "page" : undefined}
              >
                <SurfaceIcon on={side.on} />
                {SURFACES[side.on]}
              </Link>
            ))}
          </nav>
          <nav className={screen.tabs} aria-label="Settings of the page">
            {TABS.map(({ name, words }) => (
              <Link
                key={name}
                to="/pages/$page/$tab"
                params={{ page: address, tab: name }}
                search={{ page: draft.saved.id }}
                activeOptions={{ includeSearch: false }}
              >
                {words} {counts[name] ? <small>{counts[name]}</small> : null}
              </Link>
            ))}
          </nav>
        </div>
        {error && <Problem error={error} again={() => void refetch()} />}
        <div className={css.split}>
          <div className={css.main}>
            <Judged error={consequences.error} at="/pages/0">
              {tab === "ads" ? (
                <Ads address={address} chosen={ad} />
              ) : tab === "links" ? (
                <Links />
              ) : tab === "tokens" ? (
                <Tokens />
              ) : tab === "warnings" ? (
                <Warnings warnings={warnings} />
              ) : (
                <RoutingTab address={address} warnings={warnings} />
              )}
            </Judged>
          </div>
          <div className={css.side}>
            {draft.mayChange && <BeforeYouSave tag={settings.tag} />}
            {shownAd && <AdPreview ad={shownAd} />}
            <WhatIf address={address} />
          </div>
        </div>
      </div>
    </DraftContext.Provider>
  );
}
