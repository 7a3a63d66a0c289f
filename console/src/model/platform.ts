/** Meta's own objects, as far as they are shown. Baton passes them on as they are, so its description leaves them open. */

export interface MessageContent {
  mid?: string;
  text?: string;
  title?: string;
  payload?: string;
  reaction?: string;
  emoji?: string;
  action?: string;
  attachments?: Attachment[];
  quick_replies?: QuickReply[];
  quick_reply?: { payload: string };
  referral?: Referral;
  ref?: string;
  source?: string;
  ad_id?: string;
  reply_to?: { mid: string };
}

export interface Referral {
  source?: string;
  type?: string;
  ref?: string;
  ad_id?: string;
  ads_context_data?: { ad_title?: string };
}

export interface QuickReply {
  content_type: string;
  title?: string;
  payload?: string;
}

export interface Button {
  type: string;
  title?: string;
  payload?: string;
  url?: string;
}

export interface Element {
  title?: string;
  subtitle?: string;
  image_url?: string;
  buttons?: Button[];
}

export interface Attachment {
  type: string;
  payload?: {
    url?: string;
    template_type?: string;
    text?: string;
    buttons?: Button[];
    elements?: Element[];
  };
}

/** What stands in a persistent menu. */
export interface MenuItem {
  type: string;
  title?: string;
  payload?: string;
  url?: string;
  call_to_actions?: MenuItem[];
}

/** A persistent menu in one language. */
export interface Menu {
  locale: string;
  composer_input_disabled?: boolean;
  call_to_actions?: MenuItem[];
}
