/** Server-sent events out of a stream of bytes. `EventSource` cannot send the operator token, so they are read by hand. */

export interface ServerEvent {
  id: string | null;
  event: string;
  data: string;
}

/** Takes text in pieces as it arrives, gives whole events. Comments (heartbeats) give nothing. */
export function eventReader(): (piece: string) => ServerEvent[] {
  let rest = "";
  let id: string | null = null;
  let event = "message";
  let data: string[] = [];
  const line = (text: string): ServerEvent | null => {
    if (text === "") {
      const whole = data.length > 0 ? { id, event, data: data.join("\n") } : null;
      event = "message";
      data = [];
      return whole;
    }
    if (text.startsWith(":")) return null;
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    return null;
  };
  return (piece) => {
    rest += piece;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    return lines.map(line).filter((one): one is ServerEvent => one !== null);
  };
}
