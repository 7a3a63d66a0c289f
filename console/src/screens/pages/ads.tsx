/** Ads: who is given control by each, and the message that whoever taps it sees. */
import { Link, useNavigate } from "@tanstack/react-router";
import { usePageTable } from "../../api/settings";
import type { AdTable, PageTable, Surface } from "../../api/types";
import { adLead, freshAd, withAd } from "../../model/routing";
import { AppChip } from "../../parts/app";
import { Button, Empty, StatePill } from "../../parts/basic";
import { useAround } from "../shell";
import { AdEditor } from "./ad-editor";
import { useDraft } from "./draft";
import css from "./pages.module.css";

/** The one that the address names, else the first. */
export const chosenAd = (page: PageTable, on: Surface, id: string | null): AdTable | undefined => {
  const own = page.ads.filter((ad) => ad.on === on);
  return own.find((one) => one.id === id) ?? own[0];
};

export function Ads({ address, chosen }: { address: string; chosen: string | null }) {
  const { apps } = useAround();
  const { page, on, change, mayChange } = useDraft();
  const { data: counted } = usePageTable(page.id);
  const navigate = useNavigate();
  const own = page.ads.filter((ad) => ad.on === on);
  const ad = chosenAd(page, on, chosen);
  const add = () => {
    const fresh = freshAd(page, on);
    change(withAd(page, fresh.id, fresh));
    void navigate({
      to: "/pages/$page/ads/$ad",
      params: { page: address, ad: fresh.id },
      search: { page: page.id },
    });
  };
  return (
    <div className={css.ads}>
      <nav className={css.adList} aria-label="Ads">
        {mayChange && (
          <p>
            <Button onClick={add}>New ad</Button>
          </p>
        )}
        {own.map((one) => {
          const app = adLead(one);
          const counts = counted?.ads.find((other) => other.id === one.id);
          return (
            <Link
              key={one.id}
              to="/pages/$page/ads/$ad"
              params={{ page: address, ad: one.id }}
              search={{ page: page.id }}
              aria-current={one.id === ad?.id ? "page" : undefined}
            >
              <span>
                <strong>
                  <bdi>{one.name || one.id}</bdi>
                </strong>
                <StatePill tone={one.status === "published" ? "well" : "plain"}>{one.status}</StatePill>
              </span>
              {app ? <AppChip app={apps.app(app)} /> : <small>names no app</small>}
              <small>
                {counts?.entries ?? 0} came in · {counts?.conversations ?? 0} conversations
              </small>
            </Link>
          );
        })}
        <p>Only a published ad routes. A draft can be tried by its audience.</p>
      </nav>
      {ad ? (
        <AdEditor key={ad.id} ad={ad} address={address} />
      ) : (
        <Empty title="No ads on this platform">
          <p>An ad gives whoever taps it to the app that its message template names.</p>
        </Empty>
      )}
    </div>
  );
}
