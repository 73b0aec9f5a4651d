// The shapes the server answers with. Written by hand for now; everything here follows the server's OpenAPI document.

export type Crs = "WGS84" | "GCJ02" | "BD09" | "CGCS2000" | `EPSG:${number}`;
export type Bbox = [west: number, south: number, east: number, north: number];

/** Something with a Chinese and an English name. */
export interface Named {
  name_zh: string;
  name_en?: string | null;
}
export interface CodeNamed extends Named {
  code: string;
}
export interface Words {
  zh: string;
  en: string;
}

export interface CityLayer {
  id: string;
  title_zh: string;
  title_en: string;
  family: Words;
  class: "public" | "work" | "personal";
  geometry: string;
  minzoom: number;
  maxzoom: number;
  allowed: boolean;
  /** Its owner promised to renew it by now; only of layers that are open to the caller. */
  stale?: boolean;
  updated_at?: string | null;
}
export interface City extends Named {
  bbox: Bbox;
  center: [lon: number, lat: number];
  crs: string;
  /** Who drew the ground, where that must be said on the map. */
  attribution: string | null;
  /** Null for a city of one's own. */
  sample: { made_up: boolean } | null;
  layers: CityLayer[];
}

export interface Category extends CodeNamed {
  kind: "P" | "E";
  severity: "minor" | "normal" | "urgent" | "danger";
}
export interface CategoryList {
  scheme: string;
  categories: Category[];
}

/** The content of a layer is another one; without a version where there is no such layer any more. */
export interface LayerChange {
  id: string;
  version?: string | null;
}

/** A position in the hierarchy; code and name of the person only for signed-in staff. */
export interface Post {
  post_zh: string;
  post_en: string;
  code?: string | null;
  name?: string | null;
}
export interface Candidate {
  zone?: CodeNamed | null;
  organisation?: CodeNamed | null;
  distance_m?: number | null;
}
export interface Reason extends Words {
  code: string;
}
export interface Dispatch {
  mode: string;
  organisation: CodeNamed;
  zone?: (CodeNamed & { kind: string }) | null;
  part?: (CodeNamed & { distance_m: number }) | null;
  handler?: Post | null;
  superior?: Post | null;
  grid_cell?: string | null;
  areas: { district?: CodeNamed | null; street?: CodeNamed | null; community?: CodeNamed | null };
  ambiguous: boolean;
  confidence: number;
  question?: Words | null;
  candidates: Candidate[];
  reasons: Reason[];
  auto_dispatched?: boolean;
}
export interface Located extends Dispatch {
  lon: number;
  lat: number;
  crs_in: string;
  boundary: GeoJSON.Polygon | GeoJSON.MultiPolygon | null;
  valid_until: string | null;
}

/** What lies below, as much of it as a sentence needs. */
export interface Pipe {
  id: string;
  distance_m: number;
  properties: { medium: string; owner_zh: string | null; owner_en: string | null; depth_m: number | null };
}

export interface ReportBody {
  client_uid: string;
  channel: "citizen" | "officer" | "hotline";
  category: string;
  lon: number;
  lat: number;
  crs: Crs;
  accuracy_m?: number;
  text?: string;
  captured_at?: string;
}
export interface CaseCategory extends CodeNamed {
  scheme?: string;
}
export interface ReportAnswer {
  report: {
    client_uid: string;
    report_id: string;
    received_at: string;
    lon: number;
    lat: number;
    crs_in: string;
    accuracy_m: number | null;
  };
  case: {
    case_no: string;
    state: string;
    stage: number;
    flow: string;
    deadline: string | null;
    category: CaseCategory;
  };
  dispatch: Dispatch;
}

export interface CaseRow {
  case_no: string;
  state: string;
  stage: number;
  category: CaseCategory;
  organisation: CodeNamed;
  lon: number;
  lat: number;
  reported_at: string;
}
export interface LiveCase {
  case_no: string;
  action: string;
  state: string;
  /** 1 to 7. */
  stage: number;
  category: CodeNamed;
  organisation: CodeNamed;
  lon: number;
  lat: number;
  at: string;
}

export interface Me {
  login: string;
  role: string;
  classes: string[];
  staff?: { code: string; post_zh: string; post_en: string } | null;
  organisation?: CodeNamed | null;
}

/** RFC 9457 problem details, with the server's stable `code`. */
export interface Problem {
  type?: string;
  title?: string;
  status: number;
  detail?: string;
  code: string;
  errors?: { where: string; problem: string }[];
  suggestion?: { lon: number; lat: number };
  retry_after_s?: number;
  [fact: string]: unknown;
}
