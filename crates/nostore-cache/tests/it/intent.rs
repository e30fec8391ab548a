//! What the author said about caching.

use std::fmt::Write as _;

use nostore_cache::author_intent;

use crate::support::response;

#[test]
fn the_intent_row_by_row() {
    let rows = [
        "200",
        "200 | Cache-Control: ",
        "200 | Cache-Control: public",
        "200 | Cache-Control: max-age=60",
        "200 | Cache-Control: S-MAXAGE=60",
        "200 | Cache-Control: max-age=0, s-maxage=60",
        "200 | Cache-Control: s-maxage=0, max-age=60",
        "200 | Cache-Control: max-age=0",
        "200 | Cache-Control: public, max-age=0, must-revalidate",
        "200 | Cache-Control: max-age=junk",
        "200 | Cache-Control: must-revalidate, no-transform",
        "200 | Cache-Control: private",
        "200 | Cache-Control: private=\"x\", max-age=60",
        "200 | Cache-Control: no-cache",
        "200 | Cache-Control: no-cache=\"Set-Cookie\", max-age=60",
        "200 | Cache-Control: no-store, s-maxage=60",
        "200 | Cache-Control: s-maxage=60 | Cache-Control: no-store",
        "200 | Pragma: no-cache",
        "200 | Expires: Sat, 21 Nov 2026 12:00:00 GMT",
        "200 | Expires: Sat, 21 Nov 2026 12:00:00 GMT | Date: Sat, 21 Nov 2026 11:59:59 GMT",
        "200 | Expires: Sat, 21 Nov 2026 12:00:00 GMT | Date: Sat, 21 Nov 2026 12:00:00 GMT",
        "200 | Expires: Thu, 01 Jan 1970 00:00:00 GMT",
        "200 | Expires: 0",
        "200 | Expires: Sat, 21 Nov 2026 12:00:00 GMT | Cache-Control: no-store",
        "200 | Expires: Sat, 21 Nov 2026 12:00:00 GMT | Cache-Control: must-revalidate",
        "200 | CDN-Cache-Control: s-maxage=60 | Cache-Control: no-store",
        "200 | CDN-Cache-Control: no-store | Cache-Control: max-age=60",
        "200 | CDN-Cache-Control: no-store",
        "200 | Netlify-CDN-Cache-Control: Public, Max-Age=60",
        "200 | Vercel-CDN-Cache-Control: max-age=60 | CDN-Cache-Control: no-store",
        "200 | Cloudflare-CDN-Cache-Control: max-age=60",
        "200 | Surrogate-Control: max-age=60",
        "200 | Surrogate-Control: max-age=60+30",
        "200 | CDN-Cache-Control: max-age=60;x=1",
        "200 | CDN-Cache-Control: no-store=?0, max-age=60",
        "200 | Surrogate-Control: content=\"ESI/1.0\"",
        "200 | X-Accel-Expires: 60",
        "200 | X-Accel-Expires: @1795262400",
        "200 | X-Accel-Expires: 0",
        "200 | X-Accel-Expires: off",
        "200 | Edge-Control: max-age=1d",
        "200 | Edge-Control: !no-store, max-age=1d",
        "200 | Edge-Control: no-store",
        "200 | Edge-Control: downstream-ttl=0",
        "200 | X-LiteSpeed-Cache-Control: public, max-age=60",
        "200 | Set-Cookie: a=1 | ETag: \"x\" | Last-Modified: Sat, 21 Nov 2026 10:00:00 GMT",
    ];
    let mut table = String::new();
    for row in rows {
        writeln!(table, "{:12} {row}", author_intent(&response(row)).code()).unwrap();
    }
    insta::assert_snapshot!(table);
}
