/** Every way by which people come, and whom each gives them to: ads, links, and all the rest. */
import { IconLink, IconPlayerPlay, IconSpeakerphone } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { usePageTable } from "../../api/settings";
import { type RouteIn, routesIn } from "../../model/routing";
import { AppChip } from "../../parts/app";
import { StatePill } from "../../parts/basic";
import { Card, head, Table } from "../../parts/screen";
import { useAround } from "../shell";
import { useDraft } from "./draft";
import css from "./pages.module.css";

export function WaysIn({ address }: { address: string }) {
  const { apps } = useAround();
  const { page, on } = useDraft();
  const { data: counted } = usePageTable(page.id);
  const side = page[on];
  const usual = side?.ad_window_days ?? 1;
  const came = (way: RouteIn) =>
    way.kind === "ad"
      ? (counted?.ads.find((ad) => ad.on === on && ad.id === way.ad.id)?.entries ?? "–")
      : "–";
  const chip = (id: string | null) =>
    id === "inbox" ? "Inbox" : id === null ? "Nobody" : <AppChip app={apps.app(id)} />;
  return (
    <Card title="Ways in" note="whom each gives people to; they are changed under Ads and Links">
      <Table
        label="Ways in"
        heads={[head("A person comes by"), head("goes to"), head("for"), head("Came in", true)]}
      >
        {routesIn(page, on).map((way) => (
          <tr
            key={
              way.kind === "ad" ? `ad ${way.ad.id}` : way.kind === "link" ? `link ${way.link.ref}` : "else"
            }
          >
            <td>
              <By way={way} address={address} />
            </td>
            <td>{way.kind === "ad" && way.app === null ? "as who simply writes" : chip(way.app)}</td>
            <td>
              {way.kind === "ad" && way.app !== null
                ? daysWords(way.days ?? usual)
                : way.kind === "link"
                  ? "the usual time"
                  : ""}
            </td>
            <td data-number>{came(way)}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

const daysWords = (days: number): string => (days === 1 ? "1 day" : `${days} days`);

const ICONS = { ad: IconSpeakerphone, link: IconLink, else: IconPlayerPlay };

function By({ way, address }: { way: RouteIn; address: string }) {
  const Icon = ICONS[way.kind];
  return (
    <span className={css.way}>
      <Icon size={15} aria-hidden="true" />
      <Named way={way} address={address} />
      {way.kind === "ad" && way.ad.status !== "published" && (
        <StatePill tone="plain">{way.ad.status}</StatePill>
      )}
    </span>
  );
}

function Named({ way, address }: { way: RouteIn; address: string }) {
  const { page, on } = useDraft();
  if (way.kind === "ad")
    return (
      <Link to="/pages/$page/ads/$ad" params={{ page: address, ad: way.ad.id }} search={{ page: page.id }}>
        <bdi>{way.ad.name || way.ad.id}</bdi>
      </Link>
    );
  if (way.kind === "link")
    return (
      <code>
        <bdi>
          {on === "instagram" ? "ig.me" : "m.me"}/…?ref={way.link.ref}
        </bdi>
      </code>
    );
  return <>Get Started, menu, anything else</>;
}
