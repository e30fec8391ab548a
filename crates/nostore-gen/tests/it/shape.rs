//! The documents as their platforms describe them: what is not described is refused.

use std::collections::BTreeMap;

use nostore_gen::{PRESET_COOKIES, Site, Target, generate};
use serde::Deserialize;
use serde_json::Value;

use crate::hostile::HOSTILE;
use crate::text::site;

/// The text of one file of a target.
pub(crate) fn file(target: Target, site: &Site, path: &str) -> String {
    let files = generate(target, site).files;
    files.into_iter().find(|file| file.path == path).unwrap().text
}

fn sites() -> [Site; 3] {
    [site(), Site::new(PRESET_COOKIES).unwrap(), Site::new([HOSTILE]).unwrap()]
}

/// `CachePolicyConfig` of CloudFront's API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct CachePolicy {
    pub(crate) name: String,
    comment: String,
    #[serde(rename = "MinTTL")]
    pub(crate) min_ttl: u64,
    #[serde(rename = "DefaultTTL")]
    pub(crate) default_ttl: u64,
    #[serde(rename = "MaxTTL")]
    pub(crate) max_ttl: u64,
    pub(crate) parameters_in_cache_key_and_forwarded_to_origin: Parameters,
}

/// `ParametersInCacheKeyAndForwardedToOrigin`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Parameters {
    enable_accept_encoding_gzip: bool,
    enable_accept_encoding_brotli: bool,
    headers_config: BTreeMap<String, String>,
    pub(crate) cookies_config: Cookies,
    query_strings_config: BTreeMap<String, String>,
}

/// `CachePolicyCookiesConfig`, `OriginRequestPolicyCookiesConfig`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Cookies {
    pub(crate) cookie_behavior: String,
    pub(crate) cookies: Option<Names>,
}

/// `CookieNames`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Names {
    quantity: usize,
    pub(crate) items: Vec<String>,
}

/// `OriginRequestPolicyConfig`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct OriginRequestPolicy {
    name: String,
    comment: String,
    headers_config: Headers,
    cookies_config: Cookies,
    query_strings_config: BTreeMap<String, String>,
}

/// `OriginRequestPolicyHeadersConfig`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Headers {
    header_behavior: HeaderBehavior,
    headers: Names,
}

/// Those of the API's behaviors that name header fields.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum HeaderBehavior {
    AllExcept,
    AllViewerAndWhitelistCloudFront,
    Whitelist,
}

#[test]
fn r3_7_cloudfront_policies_are_what_its_api_takes() {
    for site in sites() {
        for path in ["cache-policy-pages.json", "cache-policy-sign-in.json"] {
            let policy: CachePolicy = serde_json::from_str(&file(Target::CloudFront, &site, path)).unwrap();
            let key = &policy.parameters_in_cache_key_and_forwarded_to_origin;
            assert_eq!(
                (policy.min_ttl, policy.default_ttl),
                (0, 0),
                "silence is not consent, and no-store counts"
            );
            assert!(policy.comment.len() <= 128 && !policy.name.is_empty(), "{policy:?}");
            let named = key.cookies_config.cookies.as_ref();
            assert_eq!(key.cookies_config.cookie_behavior == "whitelist", named.is_some());
            assert!(named.is_none_or(|names| names.quantity == names.items.len() && names.quantity <= 10));
            // With all lifetimes 0 CloudFront takes nothing in the key.
            let nothing = key.cookies_config.cookie_behavior == "none"
                && key.headers_config["HeaderBehavior"] == "none"
                && key.query_strings_config["QueryStringBehavior"] == "none"
                && !key.enable_accept_encoding_brotli
                && !key.enable_accept_encoding_gzip;
            assert_eq!(nothing, policy.max_ttl == 0, "{policy:?}");
        }
        let text = file(Target::CloudFront, &site, "origin-request-policy-sign-in.json");
        let policy: OriginRequestPolicy = serde_json::from_str(&text).unwrap();
        assert!(policy.comment.len() <= 128 && !policy.name.is_empty(), "{policy:?}");
        assert_eq!(policy.cookies_config.cookie_behavior, "all");
        assert_eq!(policy.headers_config.header_behavior, HeaderBehavior::AllExcept);
        assert_eq!(policy.headers_config.headers.items, ["Host"]);
        assert_eq!(policy.query_strings_config["QueryStringBehavior"], "all");
    }
}

/// A rule of Cloudflare's Rulesets API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheRule {
    action: String,
    action_parameters: BTreeMap<String, bool>,
    description: String,
    enabled: bool,
    pub(crate) expression: String,
}

#[test]
fn r3_7_the_cloudflare_rule_is_what_its_api_takes() {
    for site in sites() {
        let text = file(Target::Cloudflare, &site, "cloudflare-cache-rule.json");
        let rule: CacheRule = serde_json::from_str(&text).unwrap();
        assert_eq!((&*rule.action, rule.enabled), ("set_cache_settings", true));
        assert_eq!(rule.action_parameters, BTreeMap::from([("cache".to_owned(), false)]));
        assert!(rule.description.len() <= 500 && rule.expression.len() <= 4_096, "{rule:?}");
        assert_eq!(rule.expression.matches('(').count(), rule.expression.matches(')').count());
    }
}

/// `vercel.json`, as far as it is about headers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VercelJson {
    #[serde(rename = "$schema")]
    schema: String,
    pub(crate) headers: Vec<VercelRule>,
}

/// A rule of headers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VercelRule {
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) has: Vec<Has>,
    pub(crate) headers: Vec<Header>,
}

/// A condition of a rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Has {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) key: String,
}

/// A header, of Vercel's and of Amplify's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[test]
fn r3_7_vercel_json_has_nothing_but_rules() {
    for site in sites() {
        let document: VercelJson = serde_json::from_str(&file(Target::Vercel, &site, "vercel.json")).unwrap();
        assert!(document.schema.starts_with("https://"), "{document:?}");
        assert!(document.headers.len() <= 2_048, "Vercel's limit");
        for rule in &document.headers {
            assert!(rule.source.starts_with('/') && !rule.headers.is_empty(), "{rule:?}");
            assert!(rule.has.iter().all(|has| ["cookie", "header"].contains(&&*has.kind)), "{rule:?}");
        }
    }
}

/// `netlify.toml`, as far as it is about headers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetlifyToml {
    headers: Vec<NetlifyRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetlifyRule {
    r#for: String,
    values: BTreeMap<String, String>,
}

#[test]
fn r3_7_netlify_toml_has_nothing_but_rules() {
    for site in sites() {
        let document: NetlifyToml = toml::from_str(&file(Target::Netlify, &site, "netlify.toml")).unwrap();
        assert_eq!(document.headers.len(), site.auth().len());
        for rule in &document.headers {
            assert!(rule.r#for.starts_with('/'), "{rule:?}");
            assert_eq!(rule.values["Netlify-CDN-Cache-Control"], "no-store");
        }
    }
}

/// Reads `customHttp.yml`: its patterns with their headers.
pub(crate) fn custom_http(text: &str) -> Vec<(String, Vec<Header>)> {
    let documents = yaml_rust2::YamlLoader::load_from_str(text).unwrap();
    let [document] = &documents[..] else { panic!("{documents:?}") };
    assert_eq!(document.as_hash().unwrap().len(), 1, "customHeaders alone");
    let rules = document["customHeaders"].as_vec().unwrap().iter().map(|rule| {
        assert_eq!(rule.as_hash().unwrap().len(), 2, "pattern and headers");
        let headers = rule["headers"].as_vec().unwrap().iter().map(|header| {
            assert_eq!(header.as_hash().unwrap().len(), 2, "key and value");
            let text = |name: &str| header[name].as_str().unwrap().to_owned();
            Header { key: text("key"), value: text("value") }
        });
        (rule["pattern"].as_str().unwrap().to_owned(), headers.collect())
    });
    rules.collect()
}

#[test]
fn r3_7_custom_http_yml_has_the_three_patterns() {
    for site in sites() {
        let rules = custom_http(&file(Target::Amplify, &site, "customHttp.yml"));
        for pattern in ["/api/auth/**/*", "/api/**/*", "/**/*"] {
            let (_, headers) = rules.iter().find(|rule| rule.0 == pattern).unwrap();
            let control = headers.iter().find(|header| header.key == "Cache-Control").unwrap();
            assert!(control.value.contains("no-store") && control.value.contains("private"), "{control:?}");
        }
    }
}

#[test]
fn the_constants_of_the_wrapper_are_json() {
    for site in sites() {
        let text = file(Target::Next, &site, "nostore.js");
        let line = text.lines().find_map(|line| line.strip_prefix("const SESSION_COOKIES = ")).unwrap();
        let names: Value = serde_json::from_str(line.strip_suffix(';').unwrap()).unwrap();
        let expected: Vec<&str> = site.session_cookies().collect();
        assert_eq!(names, Value::from(expected));
    }
}
